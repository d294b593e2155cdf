import { type Document, MongoServerError } from "mongodb";

/** The server's error codes that we handle, by the server's names. */
export const serverErrors = {
  badValue: 2,
  graphContainsCycle: 5,
  hostUnreachable: 6,
  hostNotFound: 7,
  unauthorized: 13,
  namespaceNotFound: 26,
  indexNotFound: 27,
  namespaceExists: 48,
  /** The time that the caller gave a command is over. */
  maxTimeExpired: 50,
  commandNotFound: 59,
  /** The write is there, and no majority has acknowledged it in time. */
  writeConcernFailed: 64,
  noReplication: 76,
  indexOptionsConflict: 85,
  indexKeySpecsConflict: 86,
  networkTimeout: 89,
  shutdownInProgress: 91,
  invalidReplicaSetConfig: 93,
  notYetInitialized: 94,
  writeConflict: 112,
  documentValidationFailure: 121,
  cappedPositionLost: 136,
  majorityReadsOff: 148,
  viewDepthLimitExceeded: 165,
  commandNotSupportedOnView: 166,
  optionNotSupportedOnView: 167,
  parallelArrays: 171,
  primarySteppedDown: 189,
  snapshotTooOld: 239,
  snapshotUnavailable: 246,
  noSuchTransaction: 251,
  exceededTimeLimit: 262,
  changeStreamFatal: 280,
  changeStreamHistoryLost: 286,
  transactionExceededLifetimeLimit: 290,
  collectionUuidMismatch: 361,
  socketException: 9_001,
  notWritablePrimary: 10_107,
  duplicateKey: 11_000,
  interruptedAtShutdown: 11_600,
  interrupted: 11_601,
  interruptedByStateChange: 11_602,
  backgroundOperation: 12_587,
  notPrimaryNoSecondaryOk: 13_435,
  notPrimaryOrSecondary: 13_436,
  outOfDiskSpace: 14_031,
  hashedArray: 16_766,
  unknownField: 40_415,
  indexNotDescribable: 5_254_501,
} as const;

/** True for an error of the server with one of these codes. */
export function hasCode(error: unknown, ...codes: readonly number[]): boolean {
  return error instanceof MongoServerError && codes.includes(Number(error.code));
}

/** The answer of a command, or null where this user may not ask. */
export async function ifAllowed(command: Promise<Document>): Promise<Document | null> {
  return command.catch((error: unknown) => {
    if (!hasCode(error, serverErrors.unauthorized)) throw error;
    return null;
  });
}
