import type { FilmFile } from "../../operator/film/read-film-file.ts";
import type { PlanFile } from "../../operator/planning/plan-shape.ts";
import type * as Actor from "./actor-lines.ts";
import type * as Data from "./data-lines.ts";
import type * as Dev from "./dev-lines.ts";
import type { ErrorLine, InterruptedLine } from "./error-lines.ts";
import type * as Fleet from "./fleet-lines.ts";
import type * as Picture from "./picture-lines.ts";

/** The lines of a command that follows an upgrade to its end. */
type Followed = Fleet.AcceptedLine | Fleet.ChangeLine | Fleet.EndedLine | Fleet.NotServingLine;

/** The lines of work that takes its time. */
type Reported = Data.ProgressLine | Data.NoticeLine;

/**
 * The lines that each command prints with `--json`, by its words, and the files that commands write. `npm run schemas`
 * makes a schema of each.
 */
export interface Outputs {
  readonly init: Fleet.VersionsLine;
  readonly plan: Fleet.PlanLine | Fleet.PlanFileLine;
  readonly apply: Followed;
  readonly upgrade: Fleet.PlanLine | Followed;
  readonly status: Fleet.StatusLine;
  readonly watch: Fleet.StatusLine;
  readonly wait: Fleet.ChangeLine | Fleet.WaitLine;
  readonly explain: Fleet.ExplanationLine;
  readonly doctor: Fleet.FindingLine | Fleet.DoctorLine;
  readonly history: Fleet.UpgradeLine;
  /** Without `--out` it prints the file itself. */
  readonly export: Picture.ExportedLine | FilmFile;
  readonly replay: Picture.FilmLine | Picture.StepLine | Picture.ServesLine;
  readonly diagram: Picture.DiagramLine;
  readonly abort: Fleet.AcceptedLine;
  readonly pause: Fleet.AcceptedLine;
  readonly resume: Fleet.AcceptedLine;
  readonly retry: Fleet.AcceptedLine;
  readonly forget: Fleet.AcceptedLine;
  readonly "allow-writes": Fleet.AllowWritesLine;
  readonly serve: Fleet.ServingLine;
  readonly dev: Dev.DevLine | Dev.MemberLine | Data.NoticeLine;
  readonly "backup-create": Data.BackupLine | Reported;
  readonly "backup-list": Data.BackupLine | Data.DamagedLine;
  readonly "backup-verify": Data.VerifiedLine | Reported;
  readonly "backup-show": Data.BackupLine | Data.CollectionLine;
  readonly restore: Data.RestorePlanLine | Data.RestoredLine | Reported | Followed;
  readonly rehearse: Data.RehearsalLine | Reported;
  readonly check: Actor.TroubleLine | Actor.CheckLine;
  readonly "actors-list": Actor.ListedActorLine | Actor.ActorsLine | Data.NoticeLine;
  readonly "actors-show": Actor.ActorLine | Data.NoticeLine;
  readonly "actors-why": Actor.WhyLine | Data.NoticeLine;
  readonly "actors-send": Actor.SentLine | Data.NoticeLine;
  /** The lines of every command on standard error. */
  readonly error: ErrorLine | InterruptedLine;
  readonly "plan-file": PlanFile;
  readonly "film-file": FilmFile;
}

/** Every line that a command prints with `--json`. */
export type Line = Exclude<Outputs[keyof Outputs], PlanFile | FilmFile>;
