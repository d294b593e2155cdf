// Aim: the words of the main commands, as a person sees them on a terminal of each width, and a script off it. Method: the
// compiled program on journals that the core has written, on a real terminal (`script`) and into pipes. Moments, spans,
// names and hosts are placeholders. `npm run transcripts` writes the files in `transcripts/` anew.

import type { ChildProcess } from "node:child_process";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { exited, signalProcess, startProcess } from "../../src/ports/process.ts";
import { until } from "../support/until.ts";
import { writtenFleet } from "./written-fleet.ts";

const main = resolve("dist/src/cli/main.js");

interface Scene {
  /** The state of the fleet's upgrade, or null for a fleet without one. */
  readonly state: string | null;
  readonly words: readonly string[];
  /** On a terminal a person types these keys, once this text is there. */
  readonly typed?: { readonly after: string; readonly keys: string };
  /** Off it a Ctrl-C is a signal, once this text is there. */
  readonly interruptedAfter?: string;
}

const scenes: Readonly<Record<string, Scene>> = {
  help: { state: null, words: ["--help"] },
  "status-before": { state: null, words: ["status"] },
  "status-migrating": { state: "migrating", words: ["status"] },
  "status-done": { state: "done", words: ["status"] },
  "explain-blocked": { state: "blocked", words: ["explain"] },
  "history-rolled-back": { state: "rolled-back", words: ["history"] },
  "replay-rolled-back": { state: "rolled-back", words: ["replay", "u000002"] },
  "wait-rolled-back": { state: "rolled-back", words: ["wait", "--for", "done"] },
  "watch-blocked": {
    state: "blocked",
    words: ["watch"],
    typed: { after: "\u001b[J", keys: "\u0003" },
    interruptedAfter: "  a2  ",
  },
  "upgrade-refused": {
    state: null,
    words: ["upgrade", "1.1.0", "--timeout", "1s"],
    typed: { after: "to go on:", keys: "no\r" },
  },
  "plan-refused": {
    state: null,
    words: ["plan", "1.1.0", "--steps", "dist/test/fixtures/wide-steps.js"],
  },
  "doctor-before": { state: null, words: ["doctor"] },
  "wrong-flag": { state: null, words: ["status", "--tiemout", "1s"] },
};

interface Seen {
  readonly code: number | null;
  readonly text: string;
}

/** Runs a command until its end. Once the text is there, the act follows. */
async function play(
  command: string,
  words: readonly string[],
  environment: Readonly<Record<string, string>>,
  meanwhile?: { readonly after: string; act(child: ChildProcess): void },
): Promise<Seen> {
  // Nothing else is inherited: Node chooses colours by a dozen variables, among them CI and COLORTERM.
  const { PATH, HOME } = process.env;
  const child = startProcess(command, words, {
    env: { PATH, HOME, TERM: "xterm", ...environment },
  });
  const said = { out: "", error: "" };
  child.stdout?.on("data", (data: Buffer) => (said.out += data.toString()));
  child.stderr?.on("data", (data: Buffer) => (said.error += data.toString()));
  const ended = exited(child);
  if (meanwhile !== undefined) {
    await until(meanwhile.after, () => said.out.includes(meanwhile.after));
    meanwhile.act(child);
  }
  return { code: (await ended).code, text: `${said.out}${said.error}` };
}

const quoted = (words: readonly string[]) => words.map((word) => `'${word}'`).join(" ");

function onTerminal(
  columns: number,
  words: readonly string[],
  { typed }: Pick<Scene, "typed">,
  environment = {},
): Promise<Seen> {
  const command = `stty cols ${columns} rows 24; ${process.execPath} ${main} ${quoted(words)}`;
  const line = ["-qec", command, "/dev/null"];
  return play(
    "script",
    line,
    { TZ: "Asia/Kathmandu", ...environment },
    typed && {
      after: typed.after,
      act: ({ stdin }) => void stdin?.write(typed.keys),
    },
  );
}

function offTerminal(
  words: readonly string[],
  { interruptedAfter: after }: Pick<Scene, "interruptedAfter">,
  environment = {},
): Promise<Seen> {
  const meanwhile =
    after === undefined
      ? undefined
      : { after, act: ({ pid = 0 }: ChildProcess) => signalProcess(pid, "SIGINT") };
  return play(process.execPath, [main, ...words], { TZ: "UTC", ...environment }, meanwhile);
}

const frames = /(␛\[H[\s\S]*?␛\[J)(?:␛\[H[\s\S]*?␛\[J)+/g;
const moment = /(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC/g;

/** Each moment is one of these hours, whatever the time zone. */
function requireMomentsOfNow(text: string, nowMs: number): void {
  for (const [, found = ""] of text.matchAll(moment)) {
    expect(Math.abs(Date.parse(`${found.replace(" ", "T")}Z`) - nowMs)).toBeLessThan(7_200_000);
  }
}

/** The figures of the machine, of the set and of the build, in the order in which they are replaced. */
const figures: readonly (readonly [RegExp, string])[] = [
  [/127\.0\.0\.1:\d+/g, "<host>"],
  [/<host> [^(,\n]+\(\d+ % full\)/g, "<host> <span> (<part> full)"],
  // Any member may be the primary.
  [/<host> (PRIMARY|SECONDARY <span> behind)/g, "<host> <state>"],
  [/answers in \d+ ms/g, "answers in <span>"],
  [/\d+ MB/g, "<size>"],
  [/(?<=MongoDB |featureCompatibilityVersion )[\d.]+(?= on|$)/gm, "<version>"],
  [/\(hash [0-9a-f]+\)/g, "(hash <hash>)"],
  // Other tests have fleets in the set, and leave some.
  [/\S+ +the databases of other fleets: .*(\n +mend: .*)?/g, "<the other fleets of the set>"],
  [/\d+ ok, \d+ warnings?, \d+ troubles?/g, "<count> ok, <count> warnings, <count> troubles"],
];

/** A text without what differs from run to run. The first frame of a view stands for all. */
function settled(text: string, name: string): string {
  return figures.reduce(
    (known, [figure, words]) => known.replace(figure, words),
    framed(text, name),
  );
}

function framed(text: string, name: string): string {
  return (
    text
      .replaceAll("\r\n", "\n")
      .replaceAll(name, "<database>")
      .replace(moment, "<moment>")
      .replace(/\d+ min(?: \d+ s)?|\d+\.\d s/g, "<span>")
      .replaceAll("\u001b", "␛")
      .replace(frames, "$1")
      // A narrow view breaks a line within a moment.
      .replace(/\d{4}-\d\d-\d\d␛\[K\r\n {4}\d\d:\d\d:\d\d UTC/g, "<moment>")
      .replaceAll("\r", "␍")
  );
}

/** One command as it was seen in each setting. Equal ones stand together. */
function transcriptOf(words: readonly string[], seen: ReadonlyMap<string, Seen>): string {
  const settings = new Map<string, string[]>();
  for (const [setting, { code, text }] of seen) {
    const part = `exit code ${code}\n\n${text.trimEnd()}\n`;
    settings.set(part, [...(settings.get(part) ?? []), setting]);
  }
  const parts = [...settings].map(([part, names]) => `=== ${names.join("; ")}; ${part}`);
  return [`$ lockstep ${words.join(" ")}\n`, ...parts].join("\n");
}

test.each(Object.entries(scenes))("%s", async (name, scene) => {
  const { state, words } = scene;
  const fleet = await writtenFleet(state);
  await fleet.beat();
  const all = name === "help" ? words : [...words, "--mongo-url", fleet.url];
  const seen = new Map<string, Seen>();
  const note = async (setting: string, work: () => Promise<Seen>) => {
    const { code, text } = await work();
    requireMomentsOfNow(text, Date.now());
    seen.set(setting, { code, text: settled(text, fleet.name) });
  };
  await note("off a terminal", () => offTerminal(all, scene));
  for (const columns of [40, 80, 120]) {
    await note(`${columns} columns`, () => onTerminal(columns, all, scene));
  }
  await expect(transcriptOf(words, seen)).toMatchFileSnapshot(`transcripts/${name}.txt`);
});

test("colours go by NO_COLOR, FORCE_COLOR and TERM, and JSON never has any", async () => {
  const fleet = await writtenFleet("blocked");
  const words = ["explain", "--mongo-url", fleet.url];
  const isColoured = ({ text }: Seen) => text.includes("\u001b[");
  expect(isColoured(await onTerminal(80, words, {}, { NO_COLOR: "1" }))).toBe(false);
  expect(isColoured(await onTerminal(80, words, {}, { TERM: "dumb" }))).toBe(false);
  expect(isColoured(await onTerminal(80, [...words, "--json"], {}))).toBe(false);
  expect(isColoured(await offTerminal(words, {}, { FORCE_COLOR: "1" }))).toBe(true);
  expect(isColoured(await offTerminal(words, {}, { FORCE_COLOR: "0" }))).toBe(false);
  expect(isColoured(await offTerminal([...words, "--json"], {}, { FORCE_COLOR: "1" }))).toBe(false);
});
