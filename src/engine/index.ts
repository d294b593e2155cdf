export { isLockstepError, LockstepError } from "../errors.ts";
export type { Log } from "../log.ts";
export { createEngine, type EngineOptions } from "./create-engine.ts";
export {
  type ActionDefinition,
  type DurableMachine,
  type DurableOptions,
  type Duration,
  durable,
  type Migration,
  type RetryPolicy,
  type TaskDefinition,
  type WorkContext,
} from "./definition/durable.ts";
export type { Retain } from "./definition/retention.ts";
export type {
  Change,
  Engine,
  List,
  Listed,
  ListPage,
  ListQuery,
  SendOptions,
  SendOutcome,
  Sent,
  StartOptions,
  Why,
} from "./engine-api.ts";
export type { CheckOptions, CheckResult, CheckTrouble } from "./migration/check.ts";
export type { TroubleKind } from "./migration/troubles.ts";
