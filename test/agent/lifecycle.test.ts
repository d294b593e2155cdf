// Aim: an application's listener cannot stop an agent. Method: one that throws, between two that do not.
import { expect, test } from "vitest";
import { createLifecycle } from "../../src/agent/lifecycle.ts";

test("a listener that throws is told, and the others hear all the same", () => {
  const thrown: unknown[] = [];
  const heard: number[] = [];
  const lifecycle = createLifecycle((error) => thrown.push(error));
  const error = new Error("mine");
  lifecycle.on("leaving", ({ exitCode }) => heard.push(exitCode));
  lifecycle.on("leaving", () => {
    throw error;
  });
  const off = lifecycle.on("leaving", ({ exitCode }) => heard.push(exitCode + 1));
  lifecycle.emit("leaving", { exitCode: 7 });
  expect([heard, thrown]).toEqual([[7, 8], [error]]);
  off();
  lifecycle.emit("leaving", { exitCode: 7 });
  expect(heard).toEqual([7, 8, 7]);
});
