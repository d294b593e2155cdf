/** The part of the past that the page shows. It is in the URL, so that a link leads there. */
export interface Place {
  /** The upgrade, or null for the latest one. */
  readonly upgradeId: string | null;
  /** The moment, in milliseconds since the upgrade began, or null for its present or its end. */
  readonly atMs: number | null;
  /** The actor whose diagram is shown, or null for the coordinator. */
  readonly actor: string | null;
}

/** The place in the fragment of a URL. A part that makes no sense is left out. Pure. */
export function placeOf(hash: string): Place {
  const parts = new URLSearchParams(hash.replace(/^#/, ""));
  const [upgradeId, at, actor] = ["upgrade", "at", "actor"].map((name) => parts.get(name));
  return {
    upgradeId: upgradeId && /^u\d{6,15}$/.test(upgradeId) ? upgradeId : null,
    atMs: at && /^\d{1,15}$/.test(at) ? Number(at) : null,
    actor: actor && actor.length <= 500 ? actor : null,
  };
}

/** The fragment of a URL for a place. Pure. */
export function hashOf({ upgradeId, atMs, actor }: Place): string {
  const parts = new URLSearchParams();
  if (upgradeId !== null) parts.set("upgrade", upgradeId);
  if (atMs !== null) parts.set("at", String(Math.round(atMs)));
  if (actor !== null) parts.set("actor", actor);
  const text = parts.toString().replaceAll("%2F", "/");
  return text === "" ? "" : `#${text}`;
}
