/** The limits of the engine: a part of `limits`, through which all code reads them. */
export const engineLimits = {
  /** An event may set off so many steps and messages in a system of actors. */
  microstepsPerEventMax: 10_000,
  messagesPerTransitionMax: 10_000,
  machineNameLengthMax: 100,
  errorCausesMax: 8,
  actorIdLengthMax: 500,
  partitionsOfMachine: 32,
  /** An actor with its event: below the 16 MiB of a document, with room for its other fields. */
  engineEntryBytesMax: 15 * 1024 * 1024,
  rejectedEventLengthMax: 64 * 1024,
  /** Group commit: groups on their way at once, and entries of a group. */
  engineGroupsMax: 2,
  engineGroupEntriesMax: 500,
  engineConflictsMax: 64,
  engineConflictPauseMsMax: 50,
  databaseClockReadEveryMs: 10_000,
  /** The part by which the clock of a process may be fast: NTP corrects no clock by more. */
  clockDriftMax: 0.000_5,
  /** The actors that a process knows beside those that it uses, and their texts. */
  cachedActorsMax: 10_000,
  cachedActorsBytesMax: 64 * 1024 * 1024,
  /**
   * How long a process takes an entry for an actor's latest without a look, and the least time for which entries are
   * kept. Between them there is room for appends that take long: a deleted revision must never be appended again.
   */
  cachedTailMsMax: 600_000,
  /** Old actors are looked for after so many uses. */
  cachedLookEvery: 100,
  retainMsMin: 3_600_000,
  /** The states of a chart that `scriptsOf` walks. */
  scriptStatesMax: 1_000,
  /** The last moment that a Date has. */
  timeMsMax: 8.64e15,
  /** A superseded snapshot that is longer than this is cleared before its entry goes. */
  keptSnapshotLengthMax: 4_096,
  compactEveryMs: 1_000,
  compactionActorsOnce: 1_000,
  compactionActorsMax: 100_000,
  expireEveryMs: 60_000,
  expirePauseMs: 100,
  expireEntriesOnce: 1_000,
  recordRetryMs: 200,
  /** Work that has not reached the database, and work that this process cannot begin for another cause. */
  recordRetryMsMax: 2_000,
  workStuckRetryMsMax: 60_000,
  /** The times of the looks for an entry whose append had no answer: it may take effect for as long as an entry is on its way. */
  uncertainLooksMs: [500, 5_000, 30_000, 120_000],
  /** Hints that have waited longer keep the mark of their partition where it is. */
  hintWaitMsMax: 60_000,
  migrationTroublesShownMax: 10,
  checkActorsOfPage: 1_000,
  checkTroublesMax: 10_000,
  checkTroublesShownMax: 100,
  entriesOfPage: 1_000,
  /** The texts of the entries that a process reads at once: a page ends with the entry that reaches it. */
  pageLengthMax: 16 * 1024 * 1024,
  listedActorsMax: 1_000,
  /** The command line: actors of a list, last transitions of one actor, and how much of a value people see. */
  listedActorsDefault: 100,
  shownEventsMax: 10,
  shownValueDepth: 8,
  shownValueItems: 100,
  shownValueTextLength: 1_000,
  shownValueWidth: 100,
  shownValueLines: 100,
  /** The time after which a watch reads again without a hint. */
  watchFloorMs: 15_000,
  /** Workers: their lease, and how often they try again. */
  workerLeaseTtlMsDefault: 2_000,
  workerLeaseTtlMsMin: 1_000,
  workerLeaseMarginMs: 200,
  workerRenewFraction: 4,
  workerConnectionsMin: 2,
  workerRetryMs: 500,
  workerRenewPauseMs: 50,
  workerExpiryLookMs: 100,
  /** The time after which a worker reads the partitions even though no worker came or went. */
  workerLookFloorMs: 10_000,
  workStopGraceMs: 5_000,
  tasksAtOnceDefault: 1_000,
  refillEveryMs: 30_000,
  /** A floor: the rows of a partition are read when one is due. */
  rowsReadEveryMs: 600_000,
  /** So long after its last entry the mark of a partition has passed that entry. */
  markQuietMs: 240_000,
  rowsFlushEveryMs: 3_000,
  /** A row that waits is written within this time, however many wait. */
  rowsStaleMsMax: 30_000,
  rowsOfWrite: 1_000,
  rowsWaitingMax: 100_000,
  dueActorsMax: 100_000,
  dueRowsOnce: 1_000,
  /** A worker looks again at an actor that it leaves alone: somebody may have mended its entry. */
  leftAloneLookMs: 600_000,
  saidOnceMax: 1_000,
  /**
   * The due actors of a partition that are on their way at once: a process may own 32 partitions of a machine. After an
   * outage all are due, and with more of them its leases ran out, again and again.
   */
  dueActorsAtOnce: 32,
  hintedActorsAtOnce: 1_000,
  /** The store. */
  /**
   * How long an entry may be on its way from the moment that it carries until it can be read: the server ends a
   * transaction after 60 s, and looks for those that it has to end every 30 s.
   */
  engineSweepMarginSeconds: 120,
  engineSweepEntriesMax: 10_000,
  /** The number of actors whose tails one query reads: the server has a limit for the stages of a pipeline. */
  engineTailsOnce: 100,
  tailReadsAtOnce: 4,
  /** The time that a majority may take for one write. After that its outcome is unknown. */
  engineMajorityMs: 30_000,
  /** An append with an unknown outcome is repeated, since its entries tell whether it had taken effect. */
  engineAppendAttemptsMax: 4,
  engineAppendRetryMs: 250,
  /** The transactions of one process at the same time: of appends, and of applications. */
  engineSessionsMax: 64,
  /** After so many conflicts with other transactions, a group of entries is taken apart. */
  groupConflictsMax: 4,
  /** So many attempts may neither end nor fail, since their process died or their transaction was lost. */
  unfinishedAttemptsMax: 50,
  /** The calls of the database for the attempts of work, at the same time in one process. */
  workCallsAtOnce: 16,
} as const;
