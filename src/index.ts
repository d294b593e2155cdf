export type { Deadlines, Reason, Role } from "../machines/vocabulary.ts";
export type {
  Application,
  CollectionOptions,
  IndexKeys,
  IndexOptions,
  SchemaContext,
  StepDatabase,
} from "./database/schema-context.ts";
export { type ErrorCode, isLockstepError, LockstepError } from "./errors.ts";
export { createLog, type Log } from "./log.ts";
export type { Entry, Versions } from "./store/store.ts";
export { type Agent, type AgentOptions, createAgent, type Ports } from "./upgrade/create-agent.ts";
export { createFleetClient, type FleetClient } from "./upgrade/fleet-client.ts";
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
