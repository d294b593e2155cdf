import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { beforeEach, onTestFinished } from "vitest";
import { runCommand } from "../../../src/ports/process.ts";
import { createSetting, type Setting } from "../../database/setting.ts";
import { urlOf } from "../../support/database.ts";

const main = resolve("dist/src/cli/main.js");
/** Runs the compiled program. */
export const run = async (...words: string[]) => {
  const ran = await runCommand(process.execPath, [main, ...words], { timeoutMs: 60_000 });
  return { code: ran?.exitCode, text: `${ran?.stdout}${ran?.stderr}`, out: ran?.stdout ?? "" };
};

/** Of each test of a file that imports them: its database, and a folder for its backups. */
export let setting: Setting;
export let on: string[];
export let files: string[];
export let folder = "";
beforeEach(async () => {
  setting = await createSetting();
  folder = await mkdtemp(join(tmpdir(), "lockstep-backups-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  files = ["--directory", folder];
  on = [...files, "--mongo-url", urlOf(setting.name)];
});

/** Without our own files a backup is mongodump's own form, to the letter. */
export const asStockDump = async (id: string) => {
  for (const own of ["manifest.json", "lockstep.json"]) await rm(join(folder, id, own));
};

export const databases = async () => {
  const { databases: found } = await setting.client.db("admin").admin().listDatabases();
  const control = `lockstep_${setting.name}`;
  return found
    .map(({ name }) => name)
    .filter((name) => name.includes(setting.name) && name !== control);
};
