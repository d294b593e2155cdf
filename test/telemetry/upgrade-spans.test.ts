// Aim: all processes of a fleet make one trace of an upgrade: its states, its effects with their failures, its steps, and the whole,
// also when a successor goes on. Method: journals of upgrades, two processes on one store, the SDK's exporter in memory.
import { readFile } from "node:fs/promises";
import { SpanStatusCode } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { expect, test } from "vitest";
import { tracedEffect } from "../../src/fleet-engine/effects/effect-runner.ts";
import { takeoverTransition } from "../../src/fleet-engine/transition.ts";
import type { Entry } from "../../src/journal/store.ts";
import { limits } from "../../src/limits.ts";
import { silentLog } from "../../src/log.ts";
import { controlDatabaseName as controlNameOf } from "../../src/mongo/database-names.ts";
import { traceOf } from "../../src/ports/tracing/open-telemetry.ts";
import type { Tracing } from "../../src/ports/tracing/tracing.ts";
import { findUpgradeSpans, UpgradeSpans } from "../../src/upgrade/upgrade-spans.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import { createVirtualClock } from "../support/virtual-clock.ts";
import { coordinator, reason, upgradeId, ways } from "../upgrade/protocol/facts.ts";
import { registered } from "./exported.ts";

const controlDatabaseName = controlNameOf("things");
const traceId = traceOf(`${controlDatabaseName}/${upgradeId}`).slice(3, 35);

/** The journal with a second between two entries, so that the times can be seen. */
const seconds = (entries: readonly Entry[]) =>
  entries.map((entry) => ({ ...entry, at: 1_000 * (entry.revision + 1) }));

function processes(tracing: Tracing) {
  const store = createMemoryStore({ now: () => 0 });
  let reads = 0;
  const counting = {
    heads: (actor: string) => {
      reads += 1;
      return store.heads(actor);
    },
  };
  const process = () =>
    new UpgradeSpans({ tracing, controlDatabaseName, store: counting, log: silentLog });
  const follow = async (by: UpgradeSpans, entries: readonly Entry[]) => {
    for (const entry of entries) {
      await store.append([entry]);
      await by.follow(entry);
    }
  };
  return { process, follow, store, reads: () => reads };
}

const lasted = ({ startTime, endTime }: ReadableSpan) => [startTime[0], endTime[0]];

test("the states and the whole of an upgrade, in one trace that any process can name", async () => {
  const { tracing, spans } = await registered();
  const { process, follow, reads } = processes(tracing);
  const entries = seconds(coordinator(ways["done"] ?? []));
  await follow(process(), entries);
  expect(spans().map(({ name }) => name)).toEqual([
    ...["waiting", "backing-up", "rehearsing", "migrating", "awaiting-peers"].map(
      (state) => `lockstep.state ${state}`,
    ),
    "lockstep.upgrade",
  ]);
  expect(new Set(spans().map((span) => span.spanContext().traceId))).toEqual(new Set([traceId]));
  const states = spans().slice(0, -1);
  // Each state begins where the one before ends.
  const [, ...begins] = states.map(lasted).map(([begin]) => begin);
  expect(
    states
      .map(lasted)
      .map(([, end]) => end)
      .slice(0, -1),
  ).toEqual(begins);
  const whole = spans().at(-1);
  expect(whole && lasted(whole)).toEqual([1, entries.length]);
  expect(whole?.attributes).toEqual({
    ...{ "lockstep.upgrade_id": upgradeId, "lockstep.outcome": "done" },
    ...{ "lockstep.from": "1.0.0", "lockstep.to": "1.1.0" },
  });
  expect(whole?.status.code).toBe(SpanStatusCode.UNSET);
  // Only a state that is new to the process costs a reading.
  expect(reads()).toBe(6);
});

test("a successor notes the state that began before it, once", async () => {
  const { tracing, spans } = await registered();
  const { process, follow } = processes(tracing);
  const all = seconds(coordinator(ways["migrating"] ?? []));
  await follow(process(), all);
  const tail = all.at(-1) as Entry;
  const took = takeoverTransition(tail, { epoch: 2, at: tail.at + 5_000 }).entry;
  const successor = process();
  const before = spans().length;
  await follow(successor, [took]);
  const failed = { ...took, revision: took.revision + 1, outcome: "applied", at: took.at + 1_000 };
  await follow(successor, [{ ...failed, state: "rolling-back" } as Entry]);
  const [migrating, ...rest] = spans().slice(before);
  expect(rest).toEqual([]);
  expect(migrating?.name).toBe("lockstep.state migrating");
  expect(migrating && lasted(migrating)).toEqual([tail.at / 1_000, tail.at / 1_000 + 6]);
  expect(migrating?.attributes["lockstep.epoch"]).toBe(2);
});

test("an upgrade that turns back has its reason on the state that it leaves, and on the whole", async () => {
  const { tracing, spans } = await registered();
  const { process, follow } = processes(tracing);
  await follow(process(), seconds(coordinator(ways["rolled-back"] ?? [])));
  const failed = spans().filter(({ status }) => status.code === SpanStatusCode.ERROR);
  expect(failed.map(({ name, status }) => [name, status.message])).toEqual([
    ["lockstep.state migrating", reason.message],
    ["lockstep.state rolling-back", reason.message],
    ["lockstep.upgrade", reason.message],
  ]);
});

test("effects of any actor of the upgrade join its trace, and steps lie below the effect that runs them", async () => {
  const { tracing, spans } = await registered();
  const { process } = processes(tracing);
  const of = process();
  const effect = { id: `upgrade/${upgradeId}/7/0`, name: "migrate", params: {} };
  const figures = { step: "prices", durationMs: 2_000, documents: 250, batches: 3 };
  const failure = { type: "migrationFailed", reason };
  await tracedEffect(of, effect, { actor: `upgrade/${upgradeId}`, attempt: 2 }, async () => {
    of.stepEnded(upgradeId, figures);
    return failure;
  });
  const copy = { ...effect, name: "copy" };
  const participant = { actor: `participant/a1/${upgradeId}`, attempt: 1 };
  const thrown = tracedEffect(of, copy, participant, async () => {
    throw new Error("a full disk");
  });
  await expect(thrown).rejects.toThrow("a full disk");
  await tracedEffect(of, copy, { actor: "participant/a1/provision-3", attempt: 1 }, async () => ({
    type: "done",
  }));
  const [step, migrate, copied, provision] = spans();
  expect(step?.name).toBe("lockstep.step prices");
  expect(step?.attributes).toMatchObject({ "lockstep.documents": 250, "lockstep.batches": 3 });
  expect(step?.parentSpanContext?.spanId).toBe(migrate?.spanContext().spanId);
  expect(migrate?.name).toBe("lockstep.effect migrate");
  expect(migrate?.status).toEqual({ code: SpanStatusCode.ERROR, message: reason.message });
  expect(migrate?.attributes["lockstep.attempt"]).toBe(2);
  expect(copied?.status.message).toBe("a full disk");
  for (const span of [step, migrate, copied]) expect(span?.spanContext().traceId).toBe(traceId);
  expect(provision?.spanContext().traceId).not.toBe(traceId);
});

test("an agent waits a little for its last spans, and no longer", async () => {
  const { tracing } = await registered();
  const { store } = processes(tracing);
  const flush = () => new Promise<never>(() => {});
  const ports = { controlDatabaseName, store, log: silentLog };
  const of = new UpgradeSpans({ ...ports, tracing: { ...tracing, flush } });
  const clock = createVirtualClock();
  const sent = of.send(clock);
  await clock.advance(limits.spansSendMs);
  await sent;
  await new UpgradeSpans({ ...ports, tracing }).send(clock);
});

test("without a provider an agent has no spans, and an effect runs as it is", async () => {
  const store = createMemoryStore({ now: () => 0 });
  expect(await findUpgradeSpans({ controlDatabaseName, store, log: silentLog })).toBeNull();
  const act = async () => ({ type: "done" });
  const result = tracedEffect(
    null,
    { id: "e", name: "copy", params: {} },
    { actor: "a", attempt: 1 },
    act,
  );
  expect(await result).toEqual({ type: "done" });
});

test("a journal that cannot be read costs a span, and nothing else", async () => {
  const { tracing, spans } = await registered();
  const heads = () => Promise.reject(new Error("away"));
  const of = new UpgradeSpans({ tracing, controlDatabaseName, store: { heads }, log: silentLog });
  await of.follow(coordinator(ways["done"] ?? [])[0] as Entry);
  expect(spans()).toEqual([]);
});

test("the page has each span and each attribute, and no other", async () => {
  const files = [
    ...["src/fleet-engine/effects/effect-runner.ts", "src/upgrade/upgrade-spans.ts"],
    ...["src/engine/actor/trace-transition.ts", "src/engine/worker/work/trace-attempt.ts"],
  ];
  const source = (await Promise.all(files.map((file) => readFile(file, "utf8")))).join();
  const names = (text: string, sign: RegExp) =>
    [...new Set([...text.matchAll(sign)].map(([, name]) => name))].toSorted();
  const made = names(source, /["`](lockstep\.[a-z_.]+)/g).filter((name) => name !== "lockstep.");
  const both = [...made, "lockstep.action", "lockstep.task"].toSorted();
  const page = await readFile("docs/telemetry.md", "utf8");
  expect(names(page, /`(lockstep\.[a-z_]+)/g)).toEqual(both);
  // The page shows how to find the trace of an upgrade.
  expect(page).toContain(`printf '${controlDatabaseName}/${upgradeId}' | sha256sum`);
});
