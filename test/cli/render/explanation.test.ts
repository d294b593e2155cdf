// Aim: what people read of an explanation, to the letter.
import { expect, test } from "vitest";
import { renderExplanation } from "../../../src/cli/render/explanation.ts";
import type { Explanation } from "../../../src/operator/explanation/explain.ts";

const explanation: Explanation = {
  subject: "upgrade u000002 from 1.0.0 to 1.1.0: blocked",
  condition: {
    ...{
      word: "blocked",
      what: "the way back needs a person",
      waitsFor: [],
      since: 0,
      until: null,
    },
    todo: "mend the cause",
  },
  causes: [
    { who: "the way back", code: "backup-mismatch", message: "no copy", details: { agent: "a1" } },
    { who: "a2", code: null, message: "a full disk\u001b[2J", details: {} },
  ],
  tried: ["2 masters have led it"],
  safe: ["all gates are shut"],
  next: [
    { command: null, why: "mend it" },
    { command: "lockstep retry", why: "goes on" },
  ],
};

test("the chain of causes with their links, the work, what is safe, and the next commands", () => {
  expect(renderExplanation(explanation)).toBe(
    [
      "upgrade u000002 from 1.0.0 to 1.1.0: blocked",
      "  blocked: the way back needs a person: mend the cause",
      "why, the outermost cause first",
      "  the way back: backup-mismatch: no copy",
      '    {"agent":"a1"}',
      "    see docs/errors.md#backup-mismatch",
      "  a2: a full disk\\u001b[2J",
      "tried so far",
      "  2 masters have led it",
      "safe now",
      "  all gates are shut",
      "next",
      "  mend it",
      "  lockstep retry   goes on",
    ].join("\n"),
  );
});

test("nothing has failed, and nothing is to be done", () => {
  const none = { ...explanation, condition: null, causes: [], tried: [], safe: [], next: [] };
  expect(renderExplanation({ ...none, subject: "the fleet" })).toBe(
    "the fleet\nnothing has failed",
  );
});
