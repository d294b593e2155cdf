/**
 * The one fault points for durable writes. Every write of an agent that an upgrade depends on, to the database or to
 * disk, goes through `faultPoints.write(name, action)`, so that a test can die before it, after it, or lose its
 * answer. Not the lease's renewals, nor what nobody reads to decide: indexes of the control database, scratch
 * databases swept away, figures of a restore under way.
 */
export interface FaultPoints {
  write<Result>(name: string, action: () => Promise<Result>): Promise<Result>;
}

/** The fault points of production: it only acts. */
export const noFaults: FaultPoints = { write: (_name, action) => action() };
