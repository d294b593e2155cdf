// Aim: a secret comes from a file that no other user can read, in one line, and no message holds it. Method: real
// files and modes; the modes of root's files by their figures.
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { runCommand } from "../../src/ports/process.ts";
import { exposure, readSecretFile } from "../../src/ports/secret-file.ts";

async function secretFile(content: string | Uint8Array, mode: number): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "lockstep-secret-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  const path = join(root, "url");
  await writeFile(path, content);
  await chmod(path, mode);
  return path;
}

test("a mode that lets others read or write is refused; root may let its group read", () => {
  const modes = [0o600, 0o400, 0o640, 0o440, 0o644, 0o604, 0o620, 0o602, 0o660, 0o777];
  const refused = (uid: number) => modes.filter((mode) => exposure({ mode, uid }) !== null);
  expect(refused(1000)).toEqual([0o640, 0o440, 0o644, 0o604, 0o620, 0o602, 0o660, 0o777]);
  expect(refused(0)).toEqual([0o644, 0o604, 0o620, 0o602, 0o660, 0o777]);
  expect(exposure({ mode: 0o100644, uid: 1000 })).toBe("0644");
});

test("one line, with whatever an editor puts around it", async () => {
  const line = "mongodb://user:very-secret@h1/x";
  for (const text of [line, `${line}\n`, `${line}\r\n`, `\uFEFF${line}\n\n`, `  ${line}\t\n`]) {
    expect(await readSecretFile(await secretFile(text, 0o600), "a URL")).toBe(line);
  }
});

test("what is no secret of ours is refused by its path, and its content stays untold", async () => {
  const line = "mongodb://user:very-secret@h1/x";
  const wrong: readonly [content: string, mode: number, why: string][] = [
    ["", 0o600, "it is empty"],
    [" \n\n", 0o600, "it is empty"],
    [`${line}\n${line}\n`, 0o600, "more than one line"],
    ["very-secret ".repeat(10_000), 0o600, "more than one line"],
    [line, 0o644, "mode 0644"],
  ];
  for (const [content, mode, why] of wrong) {
    const path = await secretFile(content, mode);
    const error = await readSecretFile(path, "a URL").catch((thrown: unknown) => thrown as Error);
    expect(error).toMatchObject({ code: "bad-argument" });
    expect(String(error)).toContain(why);
    expect(String(error)).toContain(path);
    expect(String(error)).not.toContain("very-secret");
  }
  await expect(readSecretFile("/nowhere/url", "a URL")).rejects.toMatchObject({
    code: "bad-argument",
    message: expect.stringContaining("/nowhere/url"),
  });
  await expect(readSecretFile(tmpdir(), "a URL")).rejects.toMatchObject({ code: "bad-argument" });
});

test("a pipe is read whatever its mode", async () => {
  const path = join(await mkdtemp(join(tmpdir(), "lockstep-pipe-")), "url");
  onTestFinished(() => rm(join(path, ".."), { recursive: true, force: true }));
  await runCommand("mkfifo", ["-m", "666", path], { timeoutMs: 10_000 });
  const [found] = await Promise.all([
    readSecretFile(path, "a URL"),
    writeFile(path, "mongodb://h/x\n"),
  ]);
  expect(found).toBe("mongodb://h/x");
  // Nobody writes to it any more.
  await expect(readSecretFile(path, "a URL", 100)).rejects.toMatchObject({
    code: "bad-argument",
    message: expect.stringContaining("it is empty"),
  });
});
