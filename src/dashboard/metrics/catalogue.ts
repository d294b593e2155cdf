/** The kind of one metric. Its name has the prefix `lockstep_` besides. */
export interface MetricKind {
  readonly type: "gauge" | "counter";
  readonly help: string;
  readonly labels: readonly string[];
}

/** Each metric of `/metrics`, in the order in which it comes there. Each label has few values, or a limit. */
export const metrics = {
  database_up: gauge("1 while the database answers. Without an answer, no other metric is there."),

  agents: gauge("Agents of each role in each condition.", "role", "condition"),
  agents_silent: gauge("Agents whose heartbeat is missing.", "role"),
  gates: gauge(
    "Agents whose gate is open, draining or shut, or unknown where an agent is silent.",
    "role",
    "gate",
  ),
  agent_heartbeat_age_seconds: gauge(
    "The time since the last heartbeat of each agent, in a fleet of at most 100.",
    "agent",
  ),
  downtime_seconds: gauge("How long not every required agent has served: 0 while all of them do."),
  version_info: gauge("1 for the versions of the fleet.", "agent_version", "database_version"),
  generation: gauge("A number that grows with each upgrade and with each end of a roll-back."),
  backups_held: gauge("Copies of the data on the disks of all state servers."),
  backup_bytes: gauge("The bytes of these copies."),
  backup_newest_timestamp_seconds: gauge("When the newest copy was made, by its host's clock."),

  master_live: gauge("1 while an agent holds the lease of the master."),
  master_epoch: gauge("The epoch of the mastership: it grows with each new master."),
  master_lease_seconds: gauge("The time until the lease ends. It is negative after its end."),
  master_lease_age_seconds: gauge("The time since the lease was renewed."),

  upgrade_state: gauge("1 for the state of the latest upgrade.", "state"),
  upgrade_active: gauge("1 while an upgrade is under way."),
  upgrade_state_age_seconds: gauge("How long the latest upgrade is in its state."),
  upgrade_deadline_seconds: gauge("The time until the deadline of the state."),
  upgrade_batches: gauge("Batches that the latest upgrade has committed on the live data."),
  upgrade_effect_age_seconds: gauge("How long each effect of the upgrade runs.", "effect"),
  upgrade_effect_last_seconds: gauge("How long the last effect of each name took.", "effect"),
  upgrade_effects_total: counter("Effects of all upgrades that have ended.", "effect"),
  upgrade_effect_seconds_total: counter("How long these effects took together.", "effect"),
  upgrade_transitions_total: counter("How often upgrades have entered each state.", "state"),
  upgrade_takeovers_total: counter(
    "How often a new master went on with an upgrade, also where the master changes its version.",
  ),

  engine_up: gauge("1 where the records of the engine can be read."),
  engine_machines: gauge("Machines that the engine has had. At most 50 have metrics of their own."),
  engine_workers_alive: gauge("Workers whose lease lasts."),
  engine_workers_expired: gauge("Workers whose lease has run out, and that nobody has replaced."),
  engine_workers: gauge("Living workers that run each machine.", "machine"),
  engine_partitions: gauge(
    "Partitions with a living owner (held) and without.",
    "machine",
    "owner",
  ),
  engine_timer_lag_seconds: gauge(
    "How late the earliest timer is. Up to 30 seconds say nothing: the list of actors is behind.",
    "machine",
  ),
  engine_actors: gauge("Actors in each status, at the last count.", "machine", "status"),
  engine_actors_working: gauge(
    "Actors with work that waits or runs, at the last count.",
    "machine",
  ),
  engine_work_age_seconds: gauge(
    "The time since the last transition of the actor that has waited longest for its work, at the last count.",
    "machine",
  ),
  engine_counted_age_seconds: gauge("The time since the last count of the actors."),
  engine_journal_entries: gauge("Entries in the journal of the engine, about."),
} as const satisfies Readonly<Record<string, MetricKind>>;

export type MetricName = keyof typeof metrics;

function gauge<const Labels extends readonly string[]>(help: string, ...labels: Labels) {
  return { type: "gauge", help, labels } as const;
}

function counter<const Labels extends readonly string[]>(help: string, ...labels: Labels) {
  return { type: "counter", help, labels } as const;
}
