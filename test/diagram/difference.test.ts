// Aim: a reviewer sees each change to a machine, as lines and in the picture. Method: two versions of a small chart,
// word for word; the compiled command in a repository of its own.
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createMachine } from "xstate";
import { chartOf } from "../../src/diagram/chart.ts";
import { differenceOf } from "../../src/diagram/difference.ts";
import { svgOf } from "../../src/diagram/svg/draw.ts";
import { layoutOf } from "../../src/diagram/svg/layout.ts";
import { runCommand } from "../../src/ports/process.ts";

const before = chartOf(
  createMachine({
    id: "job",
    initial: "open",
    on: { NOTE: {} },
    states: {
      open: { description: "Waits.", on: { GO: "busy", LOOK: { actions: "see" } } },
      busy: { entry: "work", on: { STOP: "open", AGAIN: "busy" } },
      over: { type: "final" },
    },
  }),
);
const after = chartOf(
  createMachine({
    id: "job",
    initial: "busy",
    on: { TELL: {} },
    states: {
      open: { description: "Waits for a start.", on: { GO: "busy" } },
      busy: { entry: ["work", "watch"], on: { STOP: "rest", AGAIN: { actions: "see" } } },
      rest: { on: { GO: "busy" } },
    },
  }),
);

test("every change is a line, with the part of the catalogue in which it lies", () => {
  expect(differenceOf(before, after).lines).toEqual([
    "~ begins in: open → busy",
    "− state over",
    "+ state rest",
    "~ open, waits for: Waits. → Waits for a start.",
    "~ busy, on entry: work → work, watch",
    "− edge open LOOK -> open",
    "− edge busy STOP -> open",
    "+ edge busy STOP -> rest",
    "+ edge rest GO -> busy",
    "~ edge busy AGAIN -> busy: enters its state anew → stays in its state",
    "− in every state NOTE",
    "+ in every state TELL",
  ]);
  expect(differenceOf(before, before).lines).toEqual([]);
});

test("the picture has the parts of both versions, and marks those that only one has", async () => {
  const { chart, notes } = differenceOf(before, after);
  const svg = svgOf(await layoutOf(chart, notes), { notes });
  const marked = (change: string) =>
    [...svg.matchAll(/<g class="([^"]*)"[^>]* data-(?:state|edge)="([^"]*)"/g)]
      .filter(([, classes = ""]) => classes.split(" ").includes(change))
      .map(([, , name]) => name);
  expect(marked("added").toSorted()).toEqual([
    "busy STOP -&#62; rest",
    "rest",
    "rest GO -&#62; busy",
  ]);
  expect(marked("removed").toSorted()).toEqual([
    "busy STOP -&#62; open",
    "open LOOK -&#62; open",
    "over",
  ]);
});

/** The compiled command in a repository whose one commit has the present diagrams. */
async function repositoryOfItsOwn() {
  const root = await mkdtemp(join(tmpdir(), "lockstep-against-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  await cp("diagrams", join(root, "diagrams"), { recursive: true });
  await symlink(resolve("node_modules"), join(root, "node_modules"));
  const run = (command: string, ...words: string[]) =>
    runCommand(command, words, { timeoutMs: 30_000, cwd: root });
  const identity = [
    "-c",
    "user.name=t",
    "-c",
    "user.email=t@localhost",
    "-c",
    "commit.gpgsign=false",
  ];
  const commit = async () => {
    await run("git", "add", "diagrams");
    expect((await run("git", ...identity, "commit", "-qm", "diagrams"))?.exitCode).toBe(0);
  };
  await run("git", "init", "-q", "-b", "main");
  await commit();
  return {
    root,
    commit,
    against: (ref: string) =>
      run(process.execPath, resolve("dist/src/diagram/main.js"), "--against", ref),
  };
}

test("--against names what has changed since a commit, and draws it outside of what is committed", async () => {
  const { root, commit, against } = await repositoryOfItsOwn();
  expect((await against("main"))?.stdout).toBe(
    "# upgrade: as in main\n# participant: as in main\n",
  );
  const path = join(root, "diagrams", "upgrade.json");
  const edge = '"event": "retryRequested"';
  const text = await readFile(path, "utf8");
  expect(text.split(edge)).toHaveLength(2);
  await writeFile(path, text.replace(edge, '"event": "retried"'));
  await commit();
  const changed = await against("main");
  expect([changed?.exitCode, changed?.stdout]).toEqual([
    0,
    [
      "# upgrade: changes since main, drawn in dist/diagrams/upgrade-against.svg",
      "− edge blocked retried -> rolling-back",
      "+ edge blocked retryRequested -> rolling-back",
      "# participant: as in main",
      "",
    ].join("\n"),
  ]);
  const svg = await readFile(join(root, "dist/diagrams/upgrade-against.svg"), "utf8");
  expect(svg).toContain(">+ retryRequested</text>");
  expect(svg).toContain(">− retried</text>");
});

test.each(["gone", "--help", "main:x"])(
  "a commit %s that is none, or has no chart, is named",
  async (ref) => {
    const { against } = await repositoryOfItsOwn();
    const refused = await against(ref);
    expect(refused?.exitCode).toBe(1);
    expect(refused?.stderr).toContain(
      `expected the chart diagrams/upgrade.json in the commit "${ref}"`,
    );
  },
);
