const roundCount = 64;
const blockBytes = 64;

/** The first 32 bits of the fractional part. */
const fraction = (of: number) => ((of - Math.floor(of)) * 2 ** 32) | 0;

function firstPrimes(count: number): readonly number[] {
  const primes: number[] = [];
  for (let number = 2; primes.length < count; number += 1) {
    if (primes.every((prime) => number % prime !== 0)) primes.push(number);
  }
  return primes;
}

const primes = firstPrimes(roundCount);
const roundConstants = Int32Array.from(primes, (prime) => fraction(Math.cbrt(prime)));
const firstHash = primes.slice(0, 8).map((prime) => fraction(Math.sqrt(prime)));

const turned = (word: number, bits: number) => (word >>> bits) | (word << (32 - bits));

/** The bytes with their end mark and their length in bits, in whole blocks. */
function padded(bytes: Uint8Array): DataView {
  const length = Math.ceil((bytes.length + 9) / blockBytes) * blockBytes;
  const whole = new Uint8Array(length);
  whole.set(bytes);
  whole[bytes.length] = 0x80;
  const view = new DataView(whole.buffer);
  view.setBigUint64(length - 8, BigInt(bytes.length) * 8n);
  return view;
}

/** Spreads the 16 words of a block over all rounds. */
function spread(words: Int32Array): void {
  for (let round = 16; round < roundCount; round += 1) {
    const [early, late] = [words[round - 15] ?? 0, words[round - 2] ?? 0];
    const first = turned(early, 7) ^ turned(early, 18) ^ (early >>> 3);
    const second = turned(late, 17) ^ turned(late, 19) ^ (late >>> 10);
    words[round] = (words[round - 16] ?? 0) + first + (words[round - 7] ?? 0) + second;
  }
}

/** Takes one block into the hash. */
function compress(hash: Int32Array, words: Int32Array): void {
  let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = hash;
  for (let round = 0; round < roundCount; round += 1) {
    const mixed = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25);
    const chosen = (e & f) ^ (~e & g);
    const first = (h + mixed + chosen + (roundConstants[round] ?? 0) + (words[round] ?? 0)) | 0;
    const majority = (a & b) ^ (a & c) ^ (b & c);
    const second = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + majority;
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + second) | 0];
  }
  for (const [index, word] of [a, b, c, d, e, f, g, h].entries()) {
    hash[index] = (hash[index] ?? 0) + word;
  }
}

/**
 * SHA-256 in hexadecimal. A browser has its own only for a page of the loopback or of TLS, and this page is served also
 * over plain HTTP. Pure.
 */
export function sha256(bytes: Uint8Array): string {
  const hash = Int32Array.from(firstHash);
  const words = new Int32Array(roundCount);
  const view = padded(bytes);
  for (let at = 0; at < view.byteLength; at += blockBytes) {
    for (let index = 0; index < 16; index += 1) words[index] = view.getInt32(at + 4 * index);
    spread(words);
    compress(hash, words);
  }
  return [...hash].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}
