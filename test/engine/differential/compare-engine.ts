import type { MakeStore } from "../../../src/engine/testing/engine-host.ts";
import type { FaultKind } from "../../../src/engine/testing/killable-store.ts";
import type { ChartSpec, StepSpec } from "./chart-spec.ts";
import { compare, liveCourse, type Tally } from "./compare.ts";
import { type Crashes, EngineChart, EngineSide } from "./engine-side.ts";

/** Which crashes of all that a script can have are tried: one crash, or two in one run. Numbers are taken modulo what there is. */
export type CrashPicks = readonly (readonly [number, number | null])[];

const kinds: readonly FaultKind[] = ["before", "after", "lost"];

/** One place at which an engine can die. */
type Place = { readonly write: number; readonly kind: FaultKind } | { readonly beforeStep: number };

/** A crash at each durable write, in each way, and between any two steps. */
function placesOf(writes: number, steps: number): readonly Place[] {
  return [
    ...Array.from({ length: writes }, (_, index) =>
      kinds.map((kind) => ({ write: index + 1, kind })),
    ).flat(),
    ...Array.from({ length: steps }, (_, beforeStep) => ({ beforeStep })),
  ];
}

function crashesAt(places: readonly Place[]): Crashes {
  return {
    faults: new Map(
      places.flatMap((place) => ("write" in place ? [[place.write, place.kind] as const] : [])),
    ),
    beforeSteps: new Set(places.flatMap((place) => ("write" in place ? [] : [place.beforeStep]))),
  };
}

function textOfPlace(place: Place, writes: readonly string[]): string {
  return "write" in place
    ? `${place.kind} write ${place.write} (${writes[place.write - 1] ?? "not reached"})`
    : `before step ${place.beforeStep + 1}`;
}

/**
 * Plays a script on live XState and on the whole engine: without a crash, and with crashes.
 * @param picks the crashes, or `all`: each alone
 * @param makeStore see `EngineHost`
 * @throws Error with the step, the difference and the crash
 */
export async function compareEngine(
  spec: ChartSpec,
  script: readonly StepSpec[],
  picks: CrashPicks | "all",
  tally: Tally,
  makeStore?: MakeStore,
): Promise<void> {
  const course = await liveCourse(spec, script, true);
  const chart = new EngineChart(spec);
  const play = async (places: readonly Place[]): Promise<number> => {
    const side = new EngineSide(chart, crashesAt(places), makeStore);
    try {
      await compare(course, script, side, tally, places.length > 0);
      return side.writes.length;
    } catch (error) {
      const where = places.map((place) => textOfPlace(place, side.writes)).join(" and ");
      throw new Error(`killed ${where || "nowhere"}: ${error}`, { cause: error });
    } finally {
      side.dispose();
    }
  };
  const places = placesOf(await play([]), script.length);
  const at = (pick: number) => places[pick % places.length] as Place;
  const chosen =
    picks === "all"
      ? places.map((place) => [place])
      : picks.map((pair) => pair.flatMap((pick) => (pick === null ? [] : [at(pick)])));
  for (const crashes of chosen) await play(crashes);
}
