/** The part of the past that the page shows of a fleet. */
export interface FilmPlace {
  /** The upgrade, or null for the latest one. */
  readonly upgradeId: string | null;
  /** The moment, in milliseconds since the upgrade began, or null for its present or its end. */
  readonly atMs: number | null;
  /** The actor whose diagram is shown, or null for the coordinator. */
  readonly actor: string | null;
}

/** The actors that the page shows of an engine. Null: any. */
interface ActorsPlace {
  readonly machine: string | null;
  readonly state: string | null;
  readonly tag: string | null;
  readonly status: string | null;
  /** The list goes on after this id. */
  readonly after: string | null;
  /** The one actor that is shown, or null for the list. */
  readonly id: string | null;
  /** Its journal is shown up to this revision, or null for the latest one. */
  readonly before: number | null;
}

/** The part of all that the page shows. It is in the URL, so that a link leads there. */
export interface Place extends FilmPlace, ActorsPlace {
  /** Null: the fleet, where there is one. */
  readonly view: "fleet" | "actors" | null;
}

/** A longer text is none of ours. The server refuses an id long before. */
const lengthMax = 2_000;

const textNames = ["machine", "state", "tag", "status", "after", "id"] as const;

/** The place in the fragment of a URL. A part that makes no sense is left out. Pure. */
export function placeOf(hash: string): Place {
  const parts = new URLSearchParams(hash.replace(/^#/, ""));
  const textOf = (name: string) => {
    const text = parts.get(name);
    return text && text.length <= lengthMax ? text : null;
  };
  const figureOf = (name: string) => {
    const text = parts.get(name);
    return text && /^\d{1,15}$/.test(text) ? Number(text) : null;
  };
  const [upgradeId, view] = [parts.get("upgrade"), parts.get("view")];
  const texts = Object.fromEntries(textNames.map((name) => [name, textOf(name)]));
  return {
    upgradeId: upgradeId && /^u\d{6,15}$/.test(upgradeId) ? upgradeId : null,
    ...{ atMs: figureOf("at"), actor: textOf("actor") },
    view: view === "fleet" || view === "actors" ? view : null,
    ...(texts as Record<(typeof textNames)[number], string | null>),
    before: figureOf("before"),
  };
}

/** The fragment of a URL for a place. Pure. */
export function hashOf({ upgradeId, atMs, actor, view, before, ...texts }: Place): string {
  const parts = new URLSearchParams();
  if (view !== null) parts.set("view", view);
  if (upgradeId !== null) parts.set("upgrade", upgradeId);
  if (atMs !== null) parts.set("at", String(Math.round(atMs)));
  if (actor !== null) parts.set("actor", actor);
  for (const name of textNames) {
    const text = texts[name];
    if (text !== null) parts.set(name, text);
  }
  if (before !== null) parts.set("before", String(before));
  const text = parts.toString().replaceAll("%2F", "/");
  return text === "" ? "" : `#${text}`;
}
