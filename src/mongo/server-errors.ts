import { MongoServerError } from "mongodb";

/** The server's codes that mean something to us, by its names for them. */
export const serverErrors = {
  badValue: 2,
  graphContainsCycle: 5,
  unauthorized: 13,
  namespaceNotFound: 26,
  indexNotFound: 27,
  namespaceExists: 48,
  commandNotFound: 59,
  noReplication: 76,
  indexOptionsConflict: 85,
  indexKeySpecsConflict: 86,
  invalidReplicaSetConfig: 93,
  notYetInitialized: 94,
  cappedPositionLost: 136,
  viewDepthLimitExceeded: 165,
  commandNotSupportedOnView: 166,
  optionNotSupportedOnView: 167,
  parallelArrays: 171,
  snapshotTooOld: 239,
  snapshotUnavailable: 246,
  changeStreamFatal: 280,
  changeStreamHistoryLost: 286,
  collectionUuidMismatch: 361,
  duplicateKey: 11_000,
  backgroundOperation: 12_587,
  outOfDiskSpace: 14_031,
  hashedArray: 16_766,
  unknownField: 40_415,
  indexNotDescribable: 5_254_501,
} as const;

/** True when the server says exactly this. */
export function hasCode(error: unknown, ...codes: readonly number[]): boolean {
  return error instanceof MongoServerError && codes.includes(Number(error.code));
}
