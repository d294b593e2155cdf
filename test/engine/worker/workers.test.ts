import { expect, test } from "vitest";
import { simulateEngine } from "../simulation/simulate.ts";

/** More seeds: `npm run engine-simulate -- --seeds N --seed S`. */
const starts = [1, 51, 101, 151];
const seedsOfTest = 50;

test.each(starts)(
  "workers that die, pause and lose the database, from seed %i on",
  async (first) => {
    let begun = 0;
    for (let seed = first; seed < first + seedsOfTest; seed += 1) {
      const { problems, timeline, works } = await simulateEngine(seed);
      begun += works;
      expect(problems, `seed ${seed}\n${timeline.join("\n")}`).toEqual([]);
    }
    expect(begun).toBeGreaterThan(1_000);
  },
);
