/** The states of an actor's life. */
export const actorStatuses = ["active", "done", "error", "stopped"] as const;
