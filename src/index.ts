export type { StepFigures } from "../machines/upgrade-context.ts";
export type {
  Deadlines,
  ForeignWritesPolicy,
  Reason,
  Role,
} from "../machines/vocabulary.ts";
export {
  type Agent,
  type AgentOptions,
  createAgent,
  type Ports,
} from "./agent/create-agent.ts";
export type { LifecycleEvents, Moved } from "./agent/lifecycle.ts";
export type { AgentDashboard } from "./agent/page.ts";
export type { Readiness, ReadinessContext, ReadOnlyDatabase } from "./agent/read-only-database.ts";
export type { Answer, FleetRequest } from "./control/inbox.ts";
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
  StepFilter,
  ValidatorOptions,
} from "./database/migration/schema-context.ts";
export type { Chart, ChartState, Edge } from "./diagram/chart.ts";
export { type ErrorCode, isLockstepError, LockstepError } from "./errors.ts";
export type { LoadProgress } from "./journal/fence.ts";
export type { Versions } from "./journal/store.ts";
export { createLog, type Log } from "./log.ts";
export type { Accepted } from "./operator/ask-master.ts";
export type { Condition } from "./operator/conditions.ts";
export type { Cause, Explanation, NextCommand } from "./operator/explanation/explain.ts";
export type { EngineFigures } from "./operator/figures/engine-figures.ts";
export type { FleetFigures } from "./operator/figures/figures-reader.ts";
export type { EffectTotals, UpgradeTotals } from "./operator/figures/upgrade-totals.ts";
export type { Film, FilmDeadline, FilmStep, Lane } from "./operator/film/film.ts";
export { createFleetClient, type FleetClient, type WatchOptions } from "./operator/fleet-client.ts";
export type { HistoryItem } from "./operator/history.ts";
export type { StepSource } from "./operator/planning/make-plan.ts";
export type { FleetPlan } from "./operator/planning/plan-shape.ts";
export type { AgentStatus, FleetStatus } from "./operator/status.ts";
export type { UpgradeStatus } from "./operator/upgrade-status.ts";
export type { Clock } from "./ports/clock.ts";
export type { FaultPoints } from "./ports/fault-point.ts";
export type { Random } from "./ports/random.ts";
export type { GateListener } from "./upgrade/participant/gate/gate.ts";
export type { DescribedStep, DescribedSteps } from "./upgrade/protocol/described-steps.ts";
export {
  defineSteps,
  type LocalStep,
  type LocalStepContext,
  type SchemaStep,
  type Step,
} from "./upgrade/protocol/steps.ts";
