import type { MongoClient } from "mongodb";
import type { Control } from "../leadership/fences.ts";
import { type Catalogue, readCatalogue } from "../mongo/catalogue/catalogue.ts";
import { type Digests, digestDatabase } from "../mongo/catalogue/digest.ts";
import type { WithMember } from "../mongo/members.ts";
import { type DatabaseSize, databaseSize } from "../mongo/requirements/space.ts";
import type { FaultPoints } from "../ports/fault-point.ts";
import type { StepsResult } from "./migration/run-steps.ts";
import type { SchemaRunOptions, StepsRun } from "./migration/runner.ts";
import { runSchemaSteps } from "./migration/schema-steps.ts";

/** A database with the application's data: the live one, or a copy of it. A port. */
export interface DataDatabase {
  catalogue(): Promise<Catalogue>;
  /** The hash and the count of each collection. */
  digests(): Promise<Digests>;
  size(): Promise<DatabaseSize>;
  /** Runs schema steps, or continues where a predecessor stopped. Each batch is fenced. */
  runSteps(run: StepsRun): Promise<StepsResult>;
}

/**
 * One database on MongoDB, by its name.
 * @param options.control the fence that each batch of its steps joins
 */
export function dataDatabase(
  options: {
    readonly client: MongoClient;
    readonly withMember: WithMember;
    readonly control: Control;
    readonly faultPoints: FaultPoints;
  },
  databaseName: string,
  progressField: SchemaRunOptions["progressField"],
): DataDatabase {
  const { client, withMember, control, faultPoints } = options;
  return {
    catalogue: () => readCatalogue(client, databaseName),
    digests: () => digestDatabase(client, databaseName),
    size: () => databaseSize(client, databaseName),
    runSteps: (run) =>
      runSchemaSteps({
        ...{ ...run, client, withMember, control, faultPoints, databaseName, progressField },
      }),
  };
}
