// Aim: a launcher has no last look at its versions file: after a million of them, which is 23 days, it told its agent of no new
// version. Method: a wake-up that does not wait.
import type { ChildProcess } from "node:child_process";
import { expect, test } from "vitest";
import { tellVersions } from "../../src/launcher/tell-versions.ts";
import { silentLog } from "../../src/log.ts";

const looks = 1_000_100;

test("a launcher tells of versions after a million looks", async () => {
  const stopping = new AbortController();
  const sent: unknown[] = [];
  let asked = 0;
  await tellVersions({
    child: {
      connected: true,
      send: (message: unknown) => sent.push(message),
    } as never as ChildProcess,
    async read() {
      asked += 1;
      if (asked === looks) stopping.abort();
      return { versions: asked === looks ? { "2.0.0": {} } : { "1.0.0": {} } } as never;
    },
    versions: ["1.0.0"],
    wakeUp: { hint() {}, wait: async () => {} },
    log: () => silentLog,
    signal: stopping.signal,
  });
  expect(sent).toEqual([{ type: "startable", versions: ["2.0.0"] }]);
});
