export type { StepFigures } from "../machines/upgrade-context.ts";
export type {
  Deadlines,
  ForeignWritesPolicy,
  Reason,
  Role,
} from "../machines/vocabulary.ts";
export type { LoadProgress } from "./database/load-progress.ts";
export type {
  Application,
  CollectionOptions,
  IndexKeys,
  IndexKind,
  IndexOptions,
  SchemaContext,
  StepCollection,
  StepDatabase,
  StepDocument,
  ValidatorOptions,
} from "./database/schema-context.ts";
export { type ErrorCode, isLockstepError, LockstepError } from "./errors.ts";
export { createLog, type Log } from "./log.ts";
export type { Clock } from "./ports/clock.ts";
export type { Random } from "./ports/random.ts";
export type { Seam } from "./ports/seam.ts";
export type { Effect, Entry, Owner, Timer, Versions } from "./store/store.ts";
export { type Agent, type AgentOptions, createAgent, type Ports } from "./upgrade/create-agent.ts";
export { type Accepted, createFleetClient, type FleetClient } from "./upgrade/fleet-client.ts";
export type { GateListener } from "./upgrade/gate.ts";
export type { Answer, Request } from "./upgrade/inbox.ts";
export type { LifecycleEvents } from "./upgrade/lifecycle.ts";
export type { AgentStatus, FleetStatus, HistoryItem, UpgradeStatus } from "./upgrade/status.ts";
export {
  defineSteps,
  type LocalStep,
  type LocalStepContext,
  type SchemaStep,
  type Step,
} from "./upgrade/steps.ts";
