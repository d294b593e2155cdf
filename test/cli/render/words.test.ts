// Aim: the four status words have colours, which cost no width, and nothing else of a status has one.
import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { renderStatus } from "../../../src/cli/render/fleet.ts";
import { wrapLine } from "../../../src/cli/render/screen.ts";
import { lookOf } from "../../../src/cli/render/words.ts";
import { conditionWords } from "../../../src/operator/conditions.ts";
import { agentStatus, fleetStatus, upgradeStatus } from "../../support/fleet-status.ts";

const status = fleetStatus({
  upgrade: upgradeStatus(),
  agents: [agentStatus("a1"), agentStatus("a2", { blocked: "blocked by a full disk" })],
});

test("each word has a colour of its own, and the text below the colours is the same", () => {
  const look = lookOf(true);
  const words = conditionWords.map((word) => look.coloured(look.sayWord(word)));
  expect(new Set(words.map((text) => text.slice(0, 5))).size).toBe(4);
  expect(words.map((text) => stripVTControlCharacters(text))).toEqual(conditionWords);
  const shown = look.coloured(look.safe(renderStatus(status, look.sayWord)));
  expect(stripVTControlCharacters(shown)).toBe(renderStatus(status));
  // The condition of the upgrade, and that of each agent. No other word has one, whatever it says.
  expect(shown.split("\u001b[39m")).toHaveLength(4);
});

test("a line breaks where it would without colours", () => {
  const look = lookOf(true);
  const [plain, marked] = [renderStatus(status), renderStatus(status, look.sayWord)].map((text) =>
    text.split("\n").flatMap((line) => wrapLine(line, 40)),
  );
  expect(marked?.map((line) => stripVTControlCharacters(look.coloured(line)))).toEqual(plain);
});

test("without colours a word is itself", () => {
  const look = lookOf(false);
  expect(look.coloured(look.sayWord("blocked"))).toBe("blocked");
});
