// Aim: an explanation names the chain of causes, the work so far, what is safe and the next commands, in each state.
// Method: journals in memory that the real machines have written.
import { describe, expect, test } from "vitest";
import type { AgentEvent } from "../../machines/participant-context.ts";
import type { UpgradeEvent } from "../../machines/upgrade-context.ts";
import { initializeVersions } from "../../src/control/versions.ts";
import { collections, type Entry } from "../../src/journal/store.ts";
import { type Explanation, explain } from "../../src/operator/explanation/explain.ts";
import { readExplainFacts } from "../../src/operator/explanation/facts.ts";
import { createMemoryStore } from "../support/memory-store.ts";
import {
  coordinator,
  hash,
  join,
  participant,
  reason,
  upgradeId,
  ways,
} from "../upgrade/protocol/facts.ts";

const wayTo = (state: string) => ways[state] ?? [];
const text = (explanation: Explanation) => JSON.stringify(explanation);
const commands = ({ next }: Explanation) => next.flatMap(({ command }) => command ?? []);

async function fleet(journals: readonly (readonly Entry[])[], nowMs = 0) {
  let now = 0;
  const store = createMemoryStore({ now: () => now });
  await initializeVersions(store, "1.0.0");
  for (const agent of ["a1", "a2"]) await join(store, agent);
  for (const entries of journals) for (const entry of entries) await store.append([entry]);
  const set = (agent: string, facts: Record<string, string | null>) =>
    store.write([{ collection: collections.agents, id: agent, expect: {}, set: facts }]);
  now = nowMs;
  return { set, explain: async (agent?: string) => explain(await readExplainFacts(store), agent) };
}
const inState = async (state: string) => (await fleet([coordinator(wayTo(state))])).explain();
const after = async (events: readonly UpgradeEvent[]) =>
  (await fleet([coordinator(events)])).explain();

describe("an upgrade", () => {
  test("none has been asked for", async () => {
    const explanation = await (await fleet([])).explain();
    expect(explanation).toMatchObject({
      subject: "the fleet",
      condition: null,
      causes: [],
      next: [],
    });
    expect(text(explanation)).toContain("the fleet is on 1.0.0");
  });

  test.each(["waiting", "backing-up", "rehearsing"])(
    "%s: the live data is untouched",
    async (state) => {
      const explanation = await inState(state);
      expect(explanation.safe[0]).toBe("the live data has not been changed");
      expect(explanation.safe[1]).toMatch(
        state === "waiting" ? /still serves/ : /all gates are shut/,
      );
      expect(explanation.causes).toEqual([]);
      expect(commands(explanation)).toContain("lockstep abort");
    },
  );

  test.each(["migrating", "awaiting-peers"])("%s: the copies are the way back", async (state) => {
    const explanation = await inState(state);
    expect(explanation.safe[0]).toMatch(/begun to change the live data; copies .* on a1, a2/);
    expect(explanation.safe.at(-1)).toMatch(/do not write to the database by hand/);
    expect(explanation.tried).toContain("2 of 2 copies were made");
    expect(commands(explanation)).toContain("lockstep abort");
  });

  test("paused: the data stands still, and an operator lets it go on or back", async () => {
    const explanation = await inState("paused");
    expect(explanation.safe[0]).toMatch(/begun to change the live data; copies .* on a1, a2/);
    expect(explanation.safe[1]).toMatch(/stands still between two batches/);
    expect(explanation.tried).toContain("an operator has paused it once");
    expect(commands(explanation)).toEqual(["lockstep resume", "lockstep watch", "lockstep abort"]);
  });

  test("done: no way leads back, and an agent that does not serve is to be explained", async () => {
    const explanation = await inState("done");
    expect(explanation.safe[0]).toMatch(/1\.1\.0 is committed: no way leads back but a restore/);
    expect(commands(explanation)).toEqual(["lockstep explain a1", "lockstep explain a2"]);
  });

  test("rolled-back after a failed step: the mended step is rehearsed, then the same version", async () => {
    const explanation = await inState("rolled-back");
    expect(explanation.causes[0]).toMatchObject({ who: "the upgrade", code: "step-failed" });
    expect(explanation.safe[0]).toBe("the fleet is on 1.0.0 with the data of 1.0.0");
    expect(explanation.tried).toContain("the data was put back");
    const wanted = ["lockstep rehearse 1.1.0 --steps MODULE --directory DIRECTORY"];
    expect(commands(explanation).slice(-2)).toEqual([...wanted, "lockstep upgrade 1.1.0"]);
  });

  test("early writes: they are no part of what goes back, and are undone by hand; after a commit they are none", async () => {
    const early = (type: UpgradeEvent["type"]) => (event: UpgradeEvent) =>
      event.type === type ? { ...event, earlyWrites: ['collection "seeds" is new'] } : event;
    const words = 'early writes, which a way back keeps: collection "seeds" is new';
    const chosen = early("backupTimeChosen");
    expect((await after(wayTo("migrating").map(chosen))).safe).toContain(words);
    const back = await after(wayTo("rolled-back").map(chosen));
    expect(back.safe).toContain(words);
    expect(back.next.find(({ command }) => command === null)?.why).toMatch(/^undo by hand those/);
    expect(text(await after(wayTo("done").map(chosen)))).not.toContain("early writes");
    const uncopied = await after(wayTo("rolled-back").map(early("dataRestored")));
    expect(uncopied.safe).toContain(words);
  });

  test("rolled-back on request, or for a cause that no rehearsal shows: no rehearsal", async () => {
    for (const event of [
      { type: "abortRequested", why: "lunch" },
      { type: "participantFailed", agent: "a2", reason: { ...reason, code: "not-ready" } },
    ] as const) {
      const events = [{ type: "dataRestored", digest: null }] as const;
      const undone = ["a1", "a2"].map((agent) => ({ type: "participantUndone", agent }) as const);
      const explanation = await after([...wayTo("waiting"), event, ...events, ...undone]);
      expect(explanation.subject).toMatch(/rolled-back/);
      const isMended = event.type === "participantFailed";
      expect(explanation.next.at(-1)?.why.includes("the cause is mended")).toBe(isMended);
      expect(commands(explanation).filter((command) => !command.includes("explain"))).toEqual([
        "lockstep upgrade 1.1.0",
      ]);
    }
  });

  test("rolling-back cannot be aborted", async () => {
    const explanation = await inState("rolling-back");
    expect(commands(explanation)).not.toContain("lockstep abort");
    expect(explanation.safe[0]).toMatch(/has begun to change/);
    const restored = await after([
      ...wayTo("rolling-back"),
      { type: "dataRestored", digest: "d" },
      { type: "participantUndone", agent: "a1" },
    ]);
    expect(restored.safe[0]).toBe("the live data is that of 1.0.0 again");
    expect(text(restored)).not.toContain("by hand");
    expect(restored.tried).toContain("these agents have gone back: a1");
  });

  test("blocked: first why the way back stands still, then why the fleet went back", async () => {
    const lost = { code: "backup-mismatch", message: "no copy is left", details: { copies: 0 } };
    const explanation = await after([
      ...wayTo("rolling-back"),
      { type: "restoreFailed", reason: lost },
    ]);
    expect(explanation.condition?.word).toBe("blocked");
    expect(explanation.causes.slice(0, 2)).toMatchObject([
      { who: "the way back", code: "backup-mismatch", details: { copies: 0 } },
      { who: "the upgrade", code: "step-failed", message: "it failed" },
    ]);
    expect(commands(explanation)).toEqual(["lockstep retry"]);
    const blocked = { type: "restoreFailed", reason: lost } as const;
    const retried = [{ type: "retryRequested" }, blocked] as const;
    const again = await after([...wayTo("rolling-back"), blocked, ...retried, ...retried]);
    expect(again.tried).toContain("an operator has let it try again 2 times");
  });

  test("blocked on writes of others: the writers are to be stopped first", async () => {
    const foreign = { ...reason, code: "foreign-writes" };
    const { next } = await after([
      ...wayTo("rolling-back"),
      { type: "restoreFailed", reason: foreign },
    ]);
    expect(next[0]).toEqual({ command: null, why: "stop the writers outside the fleet" });
    expect(next[1]?.why).toMatch(/saves what they wrote/);
  });

  test("the report of an agent is its cause, once, and the others' own troubles follow", async () => {
    const own = { ...reason, message: "the port is taken", code: "not-ready" };
    const events: UpgradeEvent[] = [
      ...wayTo("awaiting-peers"),
      { type: "participantFailed", agent: "a2", reason: own },
    ];
    const started = { type: "started", version: "1.0.0", incarnation: 2, hash, schemaSteps: 0 };
    const part = participant("a2", [{ ...started, protocol: 1, cannotStart: own } as AgentEvent]);
    const { explain, set } = await fleet([coordinator(events), part]);
    await set("a1", { blocked: "a full disk: make room" });
    expect((await explain()).causes.map(({ who, message }) => `${who}: ${message}`)).toEqual([
      "a2: the port is taken",
      "a1: a full disk: make room",
    ]);
  });

  test("several masters", async () => {
    const first = coordinator(wayTo("backing-up"));
    const later = coordinator(wayTo("migrating"), 2).slice(first.length);
    const { explain } = await fleet([first, later]);
    expect((await explain()).tried).toContain("2 masters have led it, one after the other");
  });

  test("nobody is left: somebody has to start a state server", async () => {
    const { explain } = await fleet([coordinator(wayTo("migrating"))], 3_600_000);
    const { next } = await explain();
    expect(next[0]).toEqual({ command: null, why: expect.stringMatching(/start a state server/) });
    expect(next.map(({ command }) => command)).toContain("lockstep forget a1");
  });

  test("a journal that this build cannot read", async () => {
    const entries = coordinator(wayTo("migrating")).map((entry) => ({ ...entry, protocol: 99 }));
    const explanation = await (await fleet([entries])).explain();
    expect(explanation.causes).toMatchObject([{ who: "the journal", code: "entry-not-readable" }]);
    expect(explanation.safe[0]).toMatch(/all gates stay shut/);
  });
});

describe("an agent", () => {
  test("its own trouble, its part, its gate, and how to try again", async () => {
    const own = { ...reason, message: "undo failed" };
    const part = participant("a2", [
      { type: "turnBackAsked" },
      { type: "undoFailed", reason: own },
    ]);
    const { explain, set } = await fleet([coordinator(wayTo("rolling-back")), part]);
    await set("a2", { blocked: "a full disk: make room" });
    const explanation = await explain("a2");
    expect(explanation.subject).toBe("agent a2 on 1.0.0: gate shut");
    expect(explanation.condition).toMatchObject({ word: "blocked" });
    expect(explanation.causes.map(({ message }) => message)).toEqual([
      "a full disk: make room",
      "undo failed",
    ]);
    expect(explanation.tried.at(-1)).toMatch(
      new RegExp(`in ${upgradeId} it went through waiting → `),
    );
    expect(explanation.safe).toContain("it is safe to restart it: it goes on where it was");
    expect(commands(explanation)).toEqual(["lockstep retry", "lockstep explain"]);
  });

  test("one that serves needs nothing", async () => {
    const { explain, set } = await fleet([]);
    await set("a1", { gate: "open" });
    expect(await explain("a1")).toMatchObject({
      condition: { word: "active" },
      causes: [],
      next: [],
    });
  });

  test("one that is silent is to be started or forgotten", async () => {
    const { explain } = await fleet([], 3_600_000);
    const explanation = await explain("a1");
    expect(commands(explanation)).toEqual(["lockstep forget a1"]);
    expect(explanation.safe.at(-1)).toMatch(/is not known/);
  });

  test("one that is not there is refused, with the names that are", async () => {
    const { explain } = await fleet([]);
    await expect(explain("a9")).rejects.toMatchObject({
      code: "unknown-agent",
      message: expect.stringMatching(/got "a9"; the fleet has a1, a2/),
    });
  });
});
