import { engineLimits } from "./engine-limits.ts";

/**
 * Every limit of the system, in one place. Units are last in the names.
 * A loop, queue, retry or wait that is not bounded by one of these is a bug.
 */
export const limits = {
  ...engineLimits,

  /** Leadership. The lease lives at most one second longer than the set's election timeout. */
  leaseTtlMsDefault: 10_000,
  leaseTtlMsMin: 1_000,
  leaseTtlMsMax: 24 * 3_600_000,
  leaseMarginMs: 1_000,
  leaseAheadMs: 5_000,
  leaseAcquirePollMs: 200,
  /** The time to wait before the lease is read again: the cost of a lost hint that it was given up. */
  leaseLookMsMax: 1_000,
  leaseRenewFraction: 3,
  leaseSessionsMax: 64,
  /** The longest pause of an agent after a mastership that failed. */
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
  /**
   * Bytes of an actor and of a whole journal entry. An event that reports a failure may exceed them by the reserve.
   */
  snapshotBytesMax: 4 * 1024 * 1024,
  entryBytesMax: 8 * 1024 * 1024,
  failureReserveBytes: 1024 * 1024,
  eventTypeLengthMax: 256,
  eventKeyLengthMax: 1_024,

  /**
   * The levels of a context or an event, and the bytes of its text: a document holds 16 MB, with room for the rest of
   * it. At so many levels the way through a value needs a small part of the stack.
   */
  valueDepthMax: 500,
  valueBytesMax: 15 * 1024 * 1024,

  /** Store and server. */
  /** The oldest major version of MongoDB that is supported, also as a featureCompatibilityVersion. */
  serverMajorMin: 6,
  serverSelectionTimeoutMs: 30_000,
  /** A floor: members report a change at once, and a lost connection is examined at once. */
  serverHeartbeatMs: 5_000,
  watchRetryMs: 500,
  /**
   * How long the server may hold the question of a change stream that has no news, and after which silence the stream
   * is opened anew. The latter is shorter than the time for which a sweep goes back.
   */
  watchAnswerMs: 1_000,
  watchSilentMsMax: 20_000,
  memberTimeoutMs: 3_000,
  /** The time that a majority may take for one small write, before any work and during a command. */
  majorityAnswerMs: 30_000,
  majorityLateMs: 60_000,
  majorityWatchMs: 5_000,
  /**
   * A member further behind the primary would keep every gate shut while it catches up with the moment of the copies.
   */
  memberLagMsMax: 60_000,
  /** The number of looks for an entry whose answer was lost. Each waits twice as long, two minutes in all. */
  unknownOutcomeReadsMax: 8,
  commitAttemptsMax: 5,
  transactionAttemptsMax: 200,
  listMax: 10_000,
  /** The number of looks of a process that holds or releases something, whether that is still wanted. */
  holdLooksMax: 5,
  /** The time for which a request is served after its client's wait, since the filing itself may have taken long. */
  requestSlackMs: 30_000,
  /** The time for which a request is kept. Its answer is read within seconds. */
  requestKeptMs: 24 * 3_600_000,
  transactionRetryDelayMs: 50,
  /** A larger control document is not read, and a larger request is not filed. */
  controlDocumentBytesMax: 256 * 1024,
  requestBytesMax: 16 * 1024,
  /** The number of requests that may wait, and of those that a master serves before it turns to the upgrade again. */
  requestsWaitingMax: 200,
  requestsPerPassMax: 20,
  /** A longer reason is cut, as it travels in snapshots, answers and logs. */
  reasonMessageLengthMax: 8 * 1024,
  reasonDetailsLengthMax: 64 * 1024,

  /** Schema steps. */
  batchDocumentsMax: 1_000,
  batchBytesMax: 4 * 1024 * 1024,
  /** The time for which a step's function may compute for one batch. It blocks this process, which has a lease to renew. */
  batchComputeMs: 500,
  /** A batch that commits within this time is followed by a larger one. */
  batchQuickMs: 1_000,
  /** A transaction that the server has ended this often, and that cannot get smaller, is given up. */
  transactionEndingsMax: 3,
  /** An earlier ending comes from an election, and not from the server's time limit. */
  transactionEndingMsMin: 900,
  /** The time limit of a second look for the documents on which a batch fails. */
  offenderLookMs: 60_000,
  stepDeathsMax: 2,
  offendingDocumentsMax: 10,
  /** Writes from outside are counted up to this number. */
  foreignWritesCountedMax: 1_000,
  /** The bytes that are shown of a value without a text. */
  printedBytesMax: 64,
  /** The server's own limit. */
  documentBytesMax: 16 * 1024 * 1024,
  updateBytesMax: 24 * 1024 * 1024,
  indexBuildTimeMsMax: 30 * 60_000,
  stepsMax: 10_000,
  /** The steps of an upgrade that an agent names one by one, for the case that another agent has others. */
  stepsNamedMax: 50,
  stepDigestLength: 8,
  stepReadsMax: 1_000,

  /** Backup and restore. */
  backupTimeTriesMax: 3,
  /** The server ends a transaction by itself after 60 s, so this is long enough for one that may not be killed. */
  earlierOperationsMs: 90_000,
  dumpBatchDocuments: 5_000,
  /** The time for which members keep history for a copy: the server's default, or the time for reading at a low rate. */
  historySecondsMin: 300,
  historySlackSeconds: 60,
  historySecondsMax: 24 * 3_600,
  dumpBytesPerSecondMin: 5_000_000,
  /** The usual rate. Only a copy that is too large at this rate is refused at the beginning. */
  dumpBytesPerSecondLikely: 70_000_000,
  /** The hold of a backup by hand, which renews it four times as often. It ends this long after the process dies. */
  historyHandHoldMs: 60_000,
  dumpChunkBytes: 1024 * 1024,
  loadLanes: 2,
  loadAttemptsMax: 60,
  swapAttemptsMax: 60,
  /** The server's limit for documents, with its internal allowance. */
  dumpedDocumentBytesMax: 16 * 1024 * 1024 + 16 * 1024,
  loadChunkBytes: 4 * 1024 * 1024,
  loadBatchDocumentsMax: 10_000,
  loadBatchBytesMax: 8 * 1024 * 1024,
  collectionsMax: 10_000,
  /** The number of collections whose indexes are read at once. */
  catalogueLanes: 8,
  /**
   * The size of the definitions and hashes of a database, which the control database keeps in parts for an upgrade.
   */
  catalogueBytesMax: 64 * 1024 * 1024,
  cataloguePartBytes: 4 * 1024 * 1024,
  cataloguePartsMax: 16,
  /** The room for definitions that schema steps add. */
  definitionsGrowthBytes: 256 * 1024,
  /** Files that a mongod has open beside its data (some 70 when idle), and files that a step may add. */
  filesReserve: 128,
  /** Files that a step adds before the members are asked again: far fewer than the reserve has for it. */
  filesAskedOnce: 16,
  /** The server accepts no longer name. */
  databaseNameBytesMax: 63,
  /** The longest name that contains a fleet's is that of its last scratch database. */
  fleetNameBytesMax: 44,
  /** The scratch databases of a fleet, in which copies are proven and steps rehearsed. So many can do so at once. */
  scratchDatabases: 4,
  /** The time for which the claim of a killed command lasts. */
  claimTtlMs: 30_000,
  /** The number of looks at a claimed database until it is empty. */
  emptyLooksMax: 5,
  oplogFactor: 2,
  /** A full oplog that reaches less far back is a warning of `lockstep doctor`. */
  oplogWindowMsMin: 24 * 3_600_000,
  oplogFullFraction: 0.9,
  spaceMarginBytes: 64 * 1024 * 1024,
  spaceReserveFraction: 0.1,
  spaceReserveBytesMax: 2 * 1024 * 1024 * 1024,
  memberWatchMs: 5_000,
  changeStreamWaitMs: 200,
  /** A look for what was written before the copies takes no longer: it must not slow an upgrade. */
  earlyWritesLookMs: 2_000,
  /** A manifest has about a kilobyte for each collection. */
  manifestBytesMax: 128 * 1024 * 1024,
  /** A metadata file holds one collection's options and 64 indexes, each at most a document of 16 MB. */
  metadataBytesMax: 64 * 1024 * 1024,
  /** The length of a database's and a collection's name with the dot between them. */
  namespaceBytesMax: 255,
  backupsKept: 3,
  /** Documents of others that a restore takes back are held up to this size. Beyond it the whole database is saved. */
  savedBytesHeldMax: 256 * 1024 * 1024,
  backupsListedMax: 1_000,

  /** Agents. The first two are for lost hints: normally a hint comes. */
  masterPollMs: 500,
  participantPollMs: 2_000,
  passRetryMs: 500,
  leaveGraceMs: 30_000,
  /** The time for which an agent waits at its end until its spans are sent. The fleet may be down meanwhile. */
  spansSendMs: 1_000,
  /** The time for which an application may drain, by default and at most, and the time after that until its process ends. */
  drainTimeoutMsDefault: 30_000,
  drainTimeoutMsMax: 24 * 3_600_000,
  drainGraceMs: 2_000,
  /** The time for which a drain waits until the record of its agent shows it. */
  drainNoteMs: 1_000,
  /** The pause after an opening that has failed. Each further failure doubles it. */
  openRetryDelayMs: 1_000,
  openRetryDelayMsMax: 60_000,
  heartbeatMs: 1_000,
  heartbeatStaleMs: 5_000,
  /** The pauses of an agent of a fleet without a version: between two looks for one, and between two lines that say how to declare it. */
  versionLookMs: 1_000,
  versionNoteMs: 30_000,
  /** The pauses of an agent that waits for the end of its earlier process: between two looks, and between two lines that say so. */
  earlierProcessLookMs: 500,
  earlierProcessNoteMs: 30_000,
  /** The looks at a name that another process may hold: longer than until that process counts as silent. */
  nameLookMs: 500,
  nameLooksMax: 20,
  /** The time for which a state server relies on its last reading of rights and of its own member. */
  holdingsLookMs: 5_000,
  detectorGapMs: 3_000,
  detectorGapsMax: 12,
  clockJumpMs: 1_000,
  launcherStartsMax: 3,
  launcherRestartDelayMs: 300,
  launcherReadyTimeoutMs: 60_000,
  launcherSettledMs: 10_000,
  launcherAwayDelayMs: 1_000,
  launcherAwayEndsMax: 60,
  launcherStopGraceMs: 10_000,
  /** The time after the limit of a drain until the launcher ends the process: later than the process itself. */
  launcherDrainGraceMs: 5_000,
  launcherFileRetryMs: 2_000,
  /** The time after which the launcher reads its versions file again. */
  launcherVersionsLookMs: 2_000,
  /** The time after which an agent that is no child of its launcher looks whether that is still there. */
  launcherAliveLookMs: 1_000,
  /** The time that a build may take to describe itself, the bytes of that, and those of its output that are kept. */
  describeLimitMs: 30_000,
  descriptionBytesMax: 16 * 1024 * 1024,
  buildOutputBytesMax: 8 * 1024,
  /** The bytes that a log keeps for a slow reader. */
  logPendingBytesMax: 1_048_576,
  /** A file that holds a URL. */
  secretFileBytesMax: 65_536,
  /** A pipe in place of such a file has this time to be written. */
  secretPipeWaitMs: 30_000,
  secretPipePollMs: 20,
  looksMax: 1_000_000,
  incarnationsMax: 1_000_000,
  factsLooksMax: 50,
  /** The versions that a message or the status names of those that an agent can start. */
  versionsShownMax: 5,
  /** The steps that the refusal of a lower version names. */
  stepsBetweenNamedMax: 10,

  /** Operators. */
  answerTimeoutMs: 30_000,
  watchTimeoutMs: 24 * 60 * 60_000,
  statusPollMs: 500,
  filmActorsOnce: 256,
  /** A film holds so many whole entries of an actor at once. In a fleet of thousands one takes megabytes. */
  filmEntriesOnce: 32,
  gitTimeoutMs: 30_000,
  filmNameWidthMax: 24,
  filmLengthMax: 256 * 1024 * 1024,
  /** A rest that is estimated to the millisecond is shown as a range of these parts of it. */
  etaLeastFactor: 0.8,
  etaMostFactor: 1.25,
  /** So many earlier upgrades say how long a state takes. */
  estimateUpgradesMax: 5,
  plannedAgentsShownMax: 50,
  /** A plan's file: its collections and steps are bounded, and each takes some hundred bytes. */
  planFileBytesMax: 16 * 1024 * 1024,
  /** The time after which a waiting command prints a line for progress alone. */
  progressLineMs: 5_000,
  /** The length of a reason within a line. */
  shownReasonLengthMax: 200,
  /** A longer explanation in a line of a wait is printed once. */
  shownAgainLengthMax: 60,
  /** The time for which a command waits after the commit until the required agents serve. */
  servingWaitMs: 60_000,
  /** Names of databases or fleets in one message. */
  namesShownMax: 10,
  /** The time for which a command's process may live after its work: a step that ignores its end may keep it alive. */
  exitGraceMs: 1_000,

  /** The dashboard. */
  dashboardPort: 4_680,
  /** Pages that follow at once. Each costs at most the bytes that it leaves unread. */
  dashboardStreamsMax: 64,
  dashboardUnreadBytesMax: 8 * 1024 * 1024,
  /** The last frames, from which a page goes on that was away. */
  dashboardFramesKept: 500,
  dashboardFramesLengthMax: 2 * 1024 * 1024,
  /** The least pause between two readings, and how often a sign of life goes to each page. */
  dashboardPauseMs: 100,
  dashboardBeatMs: 2_000,
  dashboardRetryMs: 1_000,
  /** A floor: the first page that follows wakes the reading at once. */
  dashboardIdleMs: 60_000,
  dashboardHistoryMax: 200,
  /** The heartbeats of a larger fleet are not sent one by one. */
  dashboardHeartbeatsMax: 100,
  /** A larger fleet is shown without the time line of its running upgrade: each agent's journal would be read at each change. */
  dashboardFilmAgentsMax: 100,
  dashboardBodyBytesMax: 16 * 1024,
  dashboardTokenLengthMin: 16,
  /** `/readyz` answers within this time, since load balancers wait for a few seconds. */
  readyWaitMs: 2_000,
  /** The metrics. Prometheus waits 10 seconds by default. */
  metricsWaitMs: 8_000,
  /** The agents of a larger fleet have no series of their own. */
  metricsAgentsMax: 100,
  /** Further machines of an engine have no series. */
  metricsMachinesMax: 50,
  /** A count of all actors is made at most so often, ends after so long, and takes at most this share of the time. */
  engineCountEveryMs: 60_000,
  engineCountMaxMs: 4_000,
  engineCountPauses: 100,
  /** Actors with work of one machine that a count looks at for the one that has waited longest. */
  engineWorkLooksMax: 1_000,
  /** The thread in which an agent serves its page: its heap, how long its end may take, and when it is tried again. */
  dashboardThreadMegabytesMax: 512,
  dashboardStopMs: 2_000,
  dashboardAgainMs: 5_000,
  /** Actors and transitions of one page, and the length of an event that a person may send. */
  dashboardActorsMax: 50,
  dashboardTransitionsMax: 20,
  /** The edges that an actor took are read from so many of its last transitions. */
  dashboardTakenTransitionsMax: 1_000,
  dashboardEventBytesMax: 256 * 1024,
  /** Pages share each reading of actors for so long. A page asks for one list or one actor. */
  dashboardLookAgeMs: 1_000,
  dashboardLooksAtOnce: 16,
  dashboardLooksKept: 64,

  /** Upgrades: durable deadlines, used where the operator names none. */
  waitingDeadlineMs: 15 * 60_000,
  backingUpDeadlineMs: 60 * 60_000,
  noProgressDeadlineMs: 10 * 60_000,
  pausedDeadlineMs: 60 * 60_000,
  peersDeadlineMs: 15 * 60_000,
  silentDeadlineMs: 60_000,
  provisionTimeoutMs: 24 * 60 * 60_000,
  readinessTimeoutMs: 60_000,
  readinessTimeoutMsMax: 24 * 3_600_000,
  rollingBackDeadlineMs: 60 * 60_000,

  /** A local replica set. */
  mongodStartTimeoutMs: 30_000,
  replicaSetReadyTimeoutMs: 60_000,
  mongodConnectTimeoutMs: 8_000,
  mongodDownloadTimeoutMs: 180_000,
  mongodLogLinesShown: 5,
  /** The time for which a mongod waits for its clients as it is shut down, and the time after which it is killed. */
  mongodQuiesceMs: 100,
  mongodStopGraceMs: 10_000,
  /** The first port of the set of `lockstep dev`. */
  devPort: 27_170,
  /** A member that ends within this time after its start ends soon. Where it does so this often in a row, the set ends. */
  devSettledMs: 10_000,
  devSoonEndsMax: 3,
} as const;
