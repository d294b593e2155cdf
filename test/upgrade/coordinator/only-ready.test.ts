// Aim: a master that was not ready on the new version never goes forward, nor one whose build has other steps by
// now; the way back is anybody's. Method: the effects as the engine gets them, over handlers that only answer.
import { expect, test } from "vitest";
import { acceptWrite, initializeVersions } from "../../../src/control/versions.ts";
import type { Store } from "../../../src/journal/store.ts";
import { silentLog } from "../../../src/log.ts";
import type { AgentWorld } from "../../../src/upgrade/agent-world.ts";
import { onlyReady } from "../../../src/upgrade/coordinator/effects/only-ready.ts";
import { defineSteps, type Step } from "../../../src/upgrade/protocol/steps.ts";
import { createMemoryStore } from "../../support/memory-store.ts";
import { coordinator, from, join, to, upgradeId, ways } from "../protocol/facts.ts";

const forward = ["chooseBackupTime", "rehearse", "migrate", "keepHolds", "verifyLiveData"];
const back = ["restore", "liftHolds"];
const done = { type: "as asked" };

const failureDetector = { observe() {}, canJudgeSilence: () => true };
const memory = () => createMemoryStore({ now: () => 1_000 });

/** An upgrade that migrates, with those agents there. */
async function migrating(agents: readonly string[]): Promise<Store> {
  const store = memory();
  await initializeVersions(store, from);
  await store.write([acceptWrite(from, to, upgradeId)]);
  for (const agent of agents) await join(store, agent, { version: to });
  for (const entry of coordinator(ways["migrating"] ?? [])) await store.append([entry]);
  return store;
}

const another = defineSteps([
  { version: to, name: "new", target: "MasterStateServer", description: "", run: async () => {} },
]);

function effectsOf(
  agent: string,
  version: string,
  store: Store = memory(),
  steps: readonly Step[] = [],
) {
  const answer = async () => done;
  const effects = Object.fromEntries([...forward, ...back].map((name) => [name, answer]));
  return onlyReady(
    { agent, version, store, failureDetector, steps } as unknown as AgentWorld,
    effects,
  );
}

const withAbort = () => {
  const controller = new AbortController();
  return { signal: controller.signal, abort: (why: string) => controller.abort(why) };
};

const context = {
  ...{ id: "upgrade/u000002/5/0", actor: "upgrade/u000002", attempt: 1, epoch: 1 },
  ...{ signal: new AbortController().signal, log: silentLog, latest: () => expect.unreachable() },
};

test.each(forward)("%s: only by who was ready on the new version", async (name) => {
  const params = { upgradeId, from, to };
  const ask = async (agent: string, version: string, agents: readonly string[]) =>
    effectsOf(agent, version, await migrating(agents))[name]?.(params, context);
  expect(await ask("a1", to, ["a1", "a2"])).toEqual(done);
  // Nobody else is left, and it fell back.
  expect(await ask("a1", from, [])).toMatchObject({
    type: "effectFailed",
    effect: name,
    reason: { code: "cannot-start", details: { version: to } },
  });
});

test.each(forward)("%s: not by one that has had another build installed since", async (name) => {
  const effects = effectsOf("a1", to, await migrating(["a1", "a2"]), another);
  expect(await effects[name]?.({ upgradeId, from, to }, context)).toMatchObject({
    type: "effectFailed",
    effect: name,
    reason: { code: "steps-differ", details: { agent: "a1" } },
  });
});

test.each([from, to])("from %s: who was never part of it waits for who was", async (version) => {
  const { signal, abort } = withAbort();
  const effects = effectsOf("a9", version, await migrating([]));
  const asked = effects["migrate"]?.({ to }, { ...context, signal });
  abort("its deadline");
  await expect(asked).rejects.toBe("its deadline");
});

test.each(back)("%s: by any build", async (name) => {
  expect(await effectsOf("a9", from)[name]?.({ upgradeId }, context)).toEqual(done);
});

test.each([from, to])(
  "from %s: where somebody else could go forward, it is left to them",
  async (version) => {
    const store = await migrating(["a1", "a2"]);
    const asked = effectsOf("a9", version, store)["migrate"]?.({ to }, context);
    await expect(asked).rejects.toMatchObject({ code: "lease-lost" });
  },
);
