// Aim: what an upgrade holds back is well while it is active, and named with a mend once it is left behind. Method: tables of
// facts; nothing is connected.
import { describe, expect, test } from "vitest";
import {
  judgeDeletions,
  judgeHistoryHold,
  judgeWriteBlock,
} from "../../src/operator/doctor/judge-holds.ts";

const none = { outcome: "ok", mend: null };
const says = (mend: string) => expect.stringContaining(mend);

describe("what an upgrade holds back", () => {
  const control = "lockstep_things";
  const active = "u000002";

  test("writers that are kept out without an upgrade are trouble", () => {
    const block = (holder: string | null, isBlocked: boolean | null, upgradeId: string | null) =>
      judgeWriteBlock({ holder, others: [], isBlocked }, upgradeId);
    for (const isBlocked of [false, null]) {
      expect(block(null, isBlocked, null)).toMatchObject(none);
      expect(block(active, isBlocked, active)).toMatchObject(none);
    }
    expect(block(active, true, null)).toMatchObject({
      ...{ outcome: "trouble", mend: says("lockstep allow-writes") },
    });
    // Somebody else may want it.
    for (const upgradeId of [null, active]) {
      expect(block(null, true, upgradeId)).toMatchObject({
        ...{ outcome: "warning", mend: says("lockstep allow-writes --force") },
      });
    }
    const others = ["lockstep_other/upgrade/u000004"];
    expect(judgeWriteBlock({ holder: null, others, isBlocked: true }, null)).toMatchObject({
      ...{
        ...none,
        figure: says("another fleet keeps the writers of the set out: lockstep_other/"),
      },
    });
  });

  test("TTL deletion that rests without an upgrade is a warning that names the members", () => {
    const held = {
      hosts: ["h1:1", "h2:2"],
      holders: [`${control}/upgrade/u000001`],
      others: [],
      gone: [],
    };
    const nothing = { hosts: [], holders: [], others: [], gone: [] };
    expect(judgeDeletions(nothing, null)).toMatchObject(none);
    expect(judgeDeletions({ ...held, hosts: [] }, null)).toMatchObject(none);
    expect(judgeDeletions(held, active)).toMatchObject({
      ...{ ...none, figure: "it rests on h1:1, h2:2, until the end of u000002" },
    });
    const others = ["lockstep_other/upgrade/u000004"];
    const ofOther = { ...held, holders: others, others };
    expect(judgeDeletions(ofOther, null)).toMatchObject({
      ...{ ...none, figure: says("for lockstep_other/upgrade/u000004") },
    });
    expect(judgeDeletions({ ...held, holders: [] }, null).outcome).toBe("warning");
    const ofGone = judgeDeletions({ ...ofOther, others: [], gone: others }, null);
    expect(ofGone).toMatchObject({
      outcome: "warning",
      mend: says("where it is gone for good, run"),
    });
    const left = judgeDeletions(held, null);
    expect(left).toMatchObject({ outcome: "warning", figure: says("h1:1, h2:2, and no upgrade") });
    expect(left.mend).toContain("a state server lifts it by itself");
    expect(left.mend).toContain("ttlMonitorEnabled: true");
    expect(left.mend).toContain('db.getSiblingDB("lockstep").fences.deleteOne');
  });

  test("a longer history is wanted by an upgrade, by a backup by hand, or by another fleet; else it is left", () => {
    const members = [{ host: "h1:1", previous: 300, values: [900] }];
    const judge = (holder: string, untilMs: number | null, upgradeId: string | null = null) => {
      const holders = [{ holder, seconds: 900, untilMs }];
      return judgeHistoryHold({ holders, members, nowMs: 1_000, gone: [] }, upgradeId, control);
    };
    const ours = `${control}/${active}`;
    expect(
      judgeHistoryHold({ holders: [], members: [], nowMs: 0, gone: [] }, null, control),
    ).toMatchObject(none);
    expect(judge(ours, null, active)).toMatchObject({ ...none, figure: says(ours) });
    expect(judge(`${control}/hand`, 2_000)).toMatchObject(none);
    expect(judge("lockstep_other/u000001", null)).toMatchObject(none);
    for (const found of [
      judge(ours, null),
      judge(`${control}/hand`, 999),
      judge("lockstep_other/hand", 999, active),
      judgeHistoryHold({ holders: [], members, nowMs: 0, gone: [] }, active, control),
    ]) {
      expect(found).toMatchObject({ outcome: "warning", figure: says("h1:1 still keeps more") });
      expect(found.mend).toContain("minSnapshotHistoryWindowInSeconds: 300");
    }
    const noMember = { holders: [{ holder: ours, seconds: 9, untilMs: null }], members: [] };
    const found = judgeHistoryHold({ ...noMember, nowMs: 0, gone: [] }, null, control);
    expect(found).toMatchObject({ outcome: "warning", figure: says("no member still keeps") });
  });
});
