/**
 * Every limit of the system, in one place. Units are last in the names.
 * A loop, queue, retry or wait that is not bounded by one of these is a bug.
 */
export const limits = {
  /** Leadership. The lease lives at most one second longer than the set's election timeout. */
  leaseTtlMsDefault: 10_000,
  leaseMarginMs: 1_000,
  leaseAheadMs: 5_000,
  leaseAcquirePollMs: 200,
  /** A lease given up is a hint; one that gets lost costs this. */
  leaseLookMsMax: 1_000,
  leaseRenewFraction: 3,
  leaseSessionsMax: 64,
  /** How long an agent leaves the lease alone after mastership that came to nothing, at most. */
  leasePauseMsMax: 30_000,

  /** Engine. */
  effectAttemptsMax: 5,
  effectRetryDelayMs: 500,
  effectRetryDelayMsMax: 8_000,
  effectStopGraceMs: 5_000,
  appendConflictRetriesMax: 16,
  deliverAttemptsMax: 7_200,
  groupCommitEntriesMax: 200,
  timerPollMsMax: 1_000,
  /** Of an actor, and of a whole journal entry; an event that says that something failed may take it so much further. */
  snapshotBytesMax: 4 * 1024 * 1024,
  entryBytesMax: 8 * 1024 * 1024,
  failureReserveBytes: 1024 * 1024,
  eventTypeLengthMax: 256,
  eventKeyLengthMax: 1_024,

  /** Store and server. */
  serverSelectionTimeoutMs: 30_000,
  /** A floor: members tell of a change at once, and a lost connection is looked at at once. */
  serverHeartbeatMs: 5_000,
  watchRetryMs: 500,
  memberTimeoutMs: 3_000,
  /** How long a majority may take for one small write: before anything begins, and while a command works. */
  majorityAnswerMs: 30_000,
  majorityLateMs: 60_000,
  majorityWatchMs: 5_000,
  /** A member further behind the primary keeps every gate shut while it catches up with the copies' moment. */
  memberLagMsMax: 60_000,
  /** Looks for an entry whose answer was lost, each waiting twice as long: two minutes in all. */
  unknownOutcomeReadsMax: 8,
  commitAttemptsMax: 5,
  transactionAttemptsMax: 200,
  listMax: 10_000,
  /** How often whoever holds something back, or lets it go, looks whether that is still wanted. */
  holdLooksMax: 5,
  /** How long after its client's wait a request is still served: the filing itself may have taken long. */
  requestSlackMs: 30_000,
  /** How long a request is kept: its answer is read within seconds. */
  requestKeptMs: 24 * 3_600_000,
  transactionRetryDelayMs: 50,
  /** A larger control document is not read, a larger request not filed. */
  controlDocumentBytesMax: 256 * 1024,
  requestBytesMax: 16 * 1024,
  /** Requests that may wait before no more is filed, and those that a master serves between two looks at the upgrade. */
  requestsWaitingMax: 200,
  requestsPerPassMax: 20,
  /** A reason is cut where it is longer: it travels in snapshots, answers and logs. */
  reasonMessageLengthMax: 8 * 1024,
  reasonDetailsLengthMax: 64 * 1024,

  /** Schema steps. */
  batchDocumentsMax: 1_000,
  batchBytesMax: 4 * 1024 * 1024,
  /** A step's function may compute so long for one batch: it blocks this process, which has a lease to renew. */
  batchComputeMs: 500,
  /** A batch that commits within this time is followed by a larger one. */
  batchQuickMs: 1_000,
  /** A transaction that the server has ended so often, and that cannot get smaller, is given up. */
  transactionEndingsMax: 3,
  /** An ending within this time is an election's, not that of the server's limit for transactions. */
  transactionEndingMsMin: 900,
  /** How long a second look for the documents on which a batch fails may take. */
  offenderLookMs: 60_000,
  stepDeathsMax: 2,
  offendingDocumentsMax: 10,
  /** Of a value that has no text. */
  printedBytesMax: 64,
  /** The server's own. */
  documentBytesMax: 16 * 1024 * 1024,
  updateBytesMax: 24 * 1024 * 1024,
  indexBuildTimeMsMax: 30 * 60_000,
  stepsMax: 10_000,

  /** Backup and restore. */
  backupTimeTriesMax: 3,
  /** The server ends a transaction after 60 s by itself: one that may not be ended is waited for so long. */
  earlierOperationsMs: 90_000,
  dumpBatchDocuments: 5_000,
  /** How long members keep history for a copy: the server's default, or what reading takes at a low rate. */
  historySecondsMin: 300,
  historySlackSeconds: 60,
  historySecondsMax: 24 * 3_600,
  dumpBytesPerSecondMin: 5_000_000,
  /** The usual rate: only a copy that is too large at this rate is refused before. */
  dumpBytesPerSecondLikely: 70_000_000,
  /** A backup by hand renews its hold four times as often; where it dies, that ends then. */
  historyHandHoldMs: 60_000,
  dumpChunkBytes: 1024 * 1024,
  loadLanes: 2,
  loadAttemptsMax: 60,
  swapAttemptsMax: 60,
  /** The server's own for documents, with what it allows itself beyond that. */
  dumpedDocumentBytesMax: 16 * 1024 * 1024 + 16 * 1024,
  loadChunkBytes: 4 * 1024 * 1024,
  loadBatchDocumentsMax: 10_000,
  loadBatchBytesMax: 8 * 1024 * 1024,
  collectionsMax: 10_000,
  /** Collections whose indexes are read at once. */
  catalogueLanes: 8,
  /** The definitions and hashes of a database, as the control database keeps them for an upgrade, in parts. */
  catalogueBytesMax: 64 * 1024 * 1024,
  cataloguePartBytes: 4 * 1024 * 1024,
  cataloguePartsMax: 16,
  /** The room for definitions that schema steps add. */
  definitionsGrowthBytes: 256 * 1024,
  /** Files that a mongod has open beside its data (some 70 when idle), and those that a step may add. */
  filesReserve: 128,
  /** The server takes no longer name. */
  databaseNameBytesMax: 63,
  /** The longest name made from a fleet's is that of its last scratch database. */
  fleetNameBytesMax: 44,
  /** Databases in which a fleet proves copies and rehearses: so many can do so at once. */
  scratchDatabases: 4,
  /** How long a command that is killed keeps what it has claimed. */
  claimTtlMs: 30_000,
  /** How often a claimed database is looked at until it is empty. */
  emptyLooksMax: 5,
  oplogFactor: 2,
  spaceMarginBytes: 64 * 1024 * 1024,
  spaceReserveFraction: 0.1,
  spaceReserveBytesMax: 2 * 1024 * 1024 * 1024,
  memberWatchMs: 5_000,
  changeStreamWaitMs: 200,
  /** A manifest has about a kilobyte for each collection. */
  manifestBytesMax: 128 * 1024 * 1024,
  /** A metadata file holds one collection's options and 64 indexes, each at most a document of 16 MB. */
  metadataBytesMax: 64 * 1024 * 1024,
  /** Of a database and a collection with the dot between them. */
  namespaceBytesMax: 255,
  backupsKept: 3,
  backupsListedMax: 1_000,

  /** Agents. The first two are for hints that get lost: what they look for comes as one, as a rule. */
  masterPollMs: 500,
  participantPollMs: 2_000,
  passRetryMs: 500,
  leaveGraceMs: 30_000,
  heartbeatMs: 1_000,
  heartbeatStaleMs: 5_000,
  /** How long a state server relies on what it has read of its users' rights and of its own member. */
  holdingsLookMs: 5_000,
  detectorGapMs: 3_000,
  detectorGapsMax: 12,
  clockJumpMs: 1_000,
  launcherStartsMax: 3,
  launcherRestartDelayMs: 300,
  launcherReadyTimeoutMs: 60_000,
  launcherSettledMs: 10_000,
  launcherAwayDelayMs: 1_000,
  launcherAwaysMax: 60,
  launcherStopGraceMs: 10_000,
  launcherFileRetryMs: 2_000,
  /** What a log keeps for a reader that does not read. */
  logPendingBytesMax: 1_048_576,
  /** A file that holds a URL. */
  secretFileBytesMax: 65_536,
  /** A pipe in place of such a file has this time to be written. */
  secretPipeWaitMs: 30_000,
  secretPipePollMs: 20,
  looksMax: 1_000_000,
  incarnationsMax: 1_000_000,
  factsLooksMax: 50,

  /** Operators. */
  answerTimeoutMs: 30_000,
  watchTimeoutMs: 24 * 60 * 60_000,
  statusPollMs: 500,
  /** How long a command's process may live on after its work: a step that is left behind may keep it alive. */
  exitGraceMs: 1_000,

  /** Upgrades: durable deadlines, used where the operator names none. */
  waitingDeadlineMs: 15 * 60_000,
  backingUpDeadlineMs: 60 * 60_000,
  noProgressDeadlineMs: 10 * 60_000,
  peersDeadlineMs: 15 * 60_000,
  rollingBackDeadlineMs: 60 * 60_000,

  /** A local replica set. */
  mongodStartTimeoutMs: 30_000,
  replicaSetReadyTimeoutMs: 60_000,
  mongodConnectTimeoutMs: 8_000,
  mongodDownloadTimeoutMs: 180_000,
  mongodLogLinesShown: 5,
} as const;
