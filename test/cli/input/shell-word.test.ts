// Aim: a command that is shown to be typed means the same in a shell, whatever the names in it.
import { expect, test } from "vitest";
import { shellWord } from "../../../src/cli/input/shell-word.ts";
import { stepWords } from "../../../src/cli/input/step-source.ts";
import { runCommand } from "../../../src/ports/process.ts";

test.each(["plan.json", "my plan.json", "it's $HOME.json", "`a` \\b", "*", "", "größe"])(
  "%s",
  async (name) => {
    const ran = await runCommand("sh", ["-c", `printf %s ${shellWord(name)}`], {
      timeoutMs: 9_000,
    });
    expect(ran?.stdout).toBe(name);
  },
);

test("a plain word stays plain", () => {
  expect(shellWord("../plans/1.1.0_a.json")).toBe("../plans/1.1.0_a.json");
});

test("the options by which a command finds steps", () => {
  expect(stepWords({ versions: "my versions.json" })).toBe(" --versions 'my versions.json'");
  expect(stepWords({ steps: "my steps.js" })).toBe(" --steps 'my steps.js'");
});
