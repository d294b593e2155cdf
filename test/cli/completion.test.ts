// Aim: bash, zsh and fish complete each command and option of the program. Method: each real shell loads the printed script,
// and answers as it does at the tabulator key.
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Completable, completionScript, shells } from "../../src/cli/completion.ts";
import { exited, runCommand, startProcess } from "../../src/ports/process.ts";
import { until } from "../support/until.ts";

const main = resolve("dist/src/cli/main.js");
let folder: string;
const scriptOf = (shell: string) => join(folder, `completion.${shell}`);

const run = (command: string, ...words: string[]) =>
  runCommand(command, words, { timeoutMs: 60_000 });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lockstep-completion-"));
  await mkdir(join(folder, "only", "here"), { recursive: true });
  for (const shell of shells) {
    const ran = await run(process.execPath, main, "completion", shell);
    await writeFile(scriptOf(shell), ran?.stdout ?? "");
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The words that each shell offers for the last of these words. */
const offered = {
  async bash(...words: string[]): Promise<readonly string[]> {
    const act = `source "$0"; COMP_WORDS=(lockstep "$@"); COMP_CWORD=$#; _lockstep_completion; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const ran = await run("bash", "--norc", "-c", act, scriptOf("bash"), ...words);
    expect(ran?.stderr).toBe("");
    return (ran?.stdout ?? "").split("\n").filter((word) => word !== "");
  },
  async fish(...words: string[]): Promise<readonly string[]> {
    const line = ["lockstep", ...words].join(" ");
    const act = `source "${scriptOf("fish")}"; complete -C "${line}"`;
    const ran = await run("fish", "--no-config", "-c", act);
    expect(ran?.stderr).toBe("");
    return (ran?.stdout ?? "").split("\n").filter((word) => word !== "");
  },
};

describe.each(["bash", "fish"] as const)("%s", (shell) => {
  const offer = offered[shell];

  test("commands, commands below a command, and options, also after an option with a value", async () => {
    expect(await offer("ex")).toContain("explain");
    expect(await offer("upg")).toEqual(["upgrade"]);
    expect(await offer("backup", "")).toEqual(
      expect.arrayContaining(["create", "list", "verify", "show"]),
    );
    expect(await offer("upgrade", "1.1.0", "--no")).toEqual(["--no-wait"]);
    expect(await offer("backup", "create", "--directory", "backup", "--gz")).toEqual(["--gzip"]);
    expect((await offer("wait", "--f")).toSorted()).toEqual(["--fleet", "--for"]);
  });

  test("the values of an option and of an argument, where they are known", async () => {
    expect((await offer("completion", "")).toSorted()).toEqual(["--help", "bash", "fish", "zsh"]);
    expect((await offer("wait", "--json", "--for", "p")).toSorted()).toEqual(["paused"]);
    expect((await offer("actors", "list", "--status", "")).toSorted()).toEqual([
      "active",
      "done",
      "error",
      "stopped",
    ]);
    expect(await offer("wait", "--for", "done", "--js")).toEqual(["--json"]);
  });

  test("an option takes the value that follows it, so no other option is offered in its place", async () => {
    const words = await offer("restore", "u000002", "--directory", "");
    expect(words.filter((word) => word.startsWith("--"))).toEqual([]);
  });

  test("where nothing fits, names of files are left", async () => {
    const files = shell === "bash" ? [] : [`${folder}/`];
    expect(await offer("restore", "u000002", "--directory", folder)).toEqual(files);
    expect(await offer("nothing", "--js")).toEqual([]);
  });

  test("every command has its place", async () => {
    const { stdout = "" } = (await run(process.execPath, main, "--help")) ?? {};
    const commands = [...stdout.matchAll(/^ {2}([a-z-]+) /gm)].map(([, name = ""]) => name);
    expect(commands.length).toBeGreaterThan(15);
    const first = await offer("");
    for (const name of commands.filter((each) => each !== "help")) expect(first).toContain(name);
  });
});

/** A zsh on a real terminal, without the user's own files. */
async function startZsh() {
  const child = startProcess("script", ["-qec", "zsh -f -i", "/dev/null"], {
    env: { ...process.env, TERM: "dumb", ZDOTDIR: folder },
  });
  let text = "";
  child.stdout?.on("data", (data: Buffer) => {
    text += data.toString();
  });
  const said = (what: string) => until(what, () => text.includes(what));
  // Its line editor reads keys now.
  await said("?2004h");
  return {
    /** Types a text, and waits until this is there. */
    async type(keys: string, awaited: string): Promise<void> {
      text = "";
      child.stdin?.write(keys);
      await said(awaited);
    },
    async end(): Promise<void> {
      child.stdin?.write("\u0015exit\r");
      await exited(child);
    },
  };
}

test("zsh completes a word at the tabulator key, also where nobody has called compinit", async () => {
  const zsh = await startZsh();
  const clear = "\u0015";
  try {
    await zsh.type(`source ${scriptOf("zsh")}; echo lo""aded\r`, "loaded");
    await zsh.type("lockstep upg\t", "lockstep upgrade ");
    await zsh.type(`${clear}lockstep upgrade 1.1.0 --no\t`, "--no-wait ");
    await zsh.type(`${clear}lockstep backup cr\t`, "backup create ");
    await zsh.type(`${clear}lockstep completion z\t`, "completion zsh ");
    await zsh.type(`${clear}lockstep wait --for p\t`, "--for paused ");
    // The folder is the only file that could follow.
    await zsh.type(`${clear}cd ${folder}/only; echo mo""ved\r`, "moved");
    await zsh.type(`${clear}lockstep restore b1 --directory \t`, "--directory here/");
    await zsh.type(`${clear}lockstep backup create --directory backup --gz\t`, "--gzip ");
    // Where nothing fits, it completes names of files.
    await zsh.type(`${clear}lockstep restore b1 --directory /etc/passw\t`, "/etc/passwd");
  } finally {
    await zsh.end();
  }
});

test("zsh has the words of every command", async () => {
  const { stdout = "" } = (await run(process.execPath, main, "completion", "bash")) ?? {};
  const lines = [...stdout.matchAll(/^ +("[a-z -]*"\)) words="(.*)" ;;$/gm)];
  const zsh = (await run(process.execPath, main, "completion", "zsh"))?.stdout ?? "";
  expect(lines.length).toBeGreaterThan(20);
  for (const [, path, words] of lines) expect(zsh).toContain(`    ${path} offered=(${words}) ;;`);
});

test.each(shells)("%s: a word that is not plain has no place in the script", (shell) => {
  const odd: readonly Completable[] = [
    { path: "", words: ["--plain", "$(touch x)"], values: [["--odd", ["$(touch y)"]]] },
  ];
  const script = completionScript(shell, "x", odd);
  expect([script.includes("--plain"), script.includes("touch")]).toEqual([true, false]);
});

test("another shell is refused", async () => {
  const ran = await run(process.execPath, main, "completion", "csh");
  expect([ran?.exitCode, ran?.stderr.includes("bash, zsh, fish")]).toEqual([2, true]);
});
