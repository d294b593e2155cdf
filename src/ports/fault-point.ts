/**
 * The point through which every durable write goes. Every write of an agent on which an upgrade depends, to the
 * database or to disk, goes through `faultPoints.write(name, action)`, so that a test can die before or after it, or
 * lose its answer. Renewals of the lease are left out, and writes by which nobody decides: indexes of the control
 * database, the sweep of scratch databases, the progress of a restore.
 */
export interface FaultPoints {
  write<Result>(name: string, action: () => Promise<Result>): Promise<Result>;
}

/** The fault points of production. They only act. */
export const noFaults: FaultPoints = { write: (_name, action) => action() };
