// Aim: what ends with one of several signals ends with whichever comes first, and leaves nothing with the
// signals that live longer than it. Method: the listeners that Node counts.
import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { linkController } from "../../src/ports/waiting/linked-controller.ts";

const two = () => [new AbortController(), new AbortController()] as const;
const listeners = (...sources: readonly AbortController[]) =>
  sources.map(({ signal }) => getEventListeners(signal, "abort").length);

test("the first source that is aborted aborts it, with its reason", () => {
  const [first, second] = two();
  const { controller } = linkController([first.signal, second.signal]);
  expect(controller.signal.aborted).toBe(false);
  second.abort("lost");
  expect(controller.signal.reason).toBe("lost");
});

test("a source that is aborted already aborts it at once", () => {
  const { controller } = linkController([AbortSignal.abort("over")]);
  expect(controller.signal.reason).toBe("over");
});

test("unlinked, it follows nobody, and nothing of it is left with the sources", () => {
  const [first, second] = two();
  const { controller, unlink } = linkController([first.signal, second.signal]);
  expect(listeners(first, second)).toEqual([1, 1]);
  unlink();
  expect(listeners(first, second)).toEqual([0, 0]);
  first.abort();
  expect(controller.signal.aborted).toBe(false);
});
