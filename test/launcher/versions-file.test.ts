// Aim: a versions file with a mistake in it is refused in words, before a version is started by it or ended for it.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readVersionsFile } from "../../src/launcher/versions-file.ts";

async function reading(value: unknown) {
  const directory = await mkdtemp(join(tmpdir(), "lockstep-versions-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const path = join(directory, "versions.json");
  await writeFile(path, JSON.stringify(value));
  return readVersionsFile(path);
}

const command = ["node", "main.js"];
const listed = (version: unknown) => ({ default: "1.0.0", versions: { "1.0.0": version } });

test("a version may have a time to get ready", async () => {
  const file = listed({ command, readyTimeoutMs: 120_000, note: "mine" });
  expect(await reading(file)).toEqual(file);
});

test.each([
  ["is nothing", null, "expected an object, found null"],
  [
    "has no versions",
    { default: "1.0.0", versions: null },
    "versions: expected an object, found null",
  ],
  [
    "has a list of them",
    { default: "1.0.0", versions: [] },
    "versions: expected an object, found a list",
  ],
  ["has no default", { versions: {} }, "default: expected a text, found nothing"],
  ["has a version that is nothing", listed(null), "versions.1.0.0: expected an object, found null"],
  ["has a command in one text", listed({ command: "node main.js" }), "command: expected a list"],
  ["has an empty command", listed({ command: [] }), "versions.1.0.0.command: expected a program"],
  // A timer of such a length is over at once, so the launcher would end each version as it starts.
  ["has a time with a unit", listed({ command, readyTimeoutMs: "2m" }), "readyTimeoutMs: expected"],
  ["has no time at all", listed({ command, readyTimeoutMs: 0 }), "readyTimeoutMs: expected"],
])("a file that %s is refused", async (_, value, words) => {
  await expect(reading(value)).rejects.toEqual(
    expect.objectContaining({ code: "bad-argument", message: expect.stringContaining(words) }),
  );
});
