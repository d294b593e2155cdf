import {
  acceptWrite,
  commitWrite,
  endRollBackWrites,
  turnBackWrite,
} from "../../control/versions.ts";
import type { ActionWrites } from "../../fleet-engine/transition.ts";

type Params = Readonly<Record<string, unknown>>;

const upgradeOf = (params: Params): [from: string, to: string, upgrade: string] => [
  String(params["from"]),
  String(params["to"]),
  String(params["upgradeId"]),
];

/** The four transactions that change the versions, by the coordinator's action that asks for each. */
export const controlWrites: Readonly<Record<string, ActionWrites>> = {
  accept: (params) => [acceptWrite(...upgradeOf(params))],
  turnBack: (params) => [turnBackWrite(...upgradeOf(params))],
  commit: (params) => [commitWrite(...upgradeOf(params))],
  endRollBack: (params) =>
    endRollBackWrites(...upgradeOf(params), params["debtors"] as readonly string[]),
};
