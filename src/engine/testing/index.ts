export {
  type CrashDifference,
  type CrashOptions,
  type CrashReport,
  crashAnywhere,
  type ScriptStep,
} from "./crash-anywhere.ts";
export { EngineHost, type HostOptions } from "./engine-host.ts";
export type { FaultKind } from "./killable-store.ts";
export { type ScriptsOptions, scriptsOf } from "./scripts-of.ts";
