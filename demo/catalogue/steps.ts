import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { lte } from "semver";
import { defineSteps, type SchemaStep, type Step } from "../../src/index.ts";

const configuration = (directory: string) => join(directory, "catalogue.json");

async function readConfiguration(directory: string): Promise<Record<string, unknown>> {
  const text = await readFile(configuration(directory), "utf8").catch(() => "{}");
  return JSON.parse(text) as Record<string, unknown>;
}

/** Steps that came with 1.1.0: all three targets, one of them over every flight. */
const steps110: readonly Step[] = [
  {
    name: "late-flights-get-a-class",
    version: "1.1.0",
    target: "MasterStateServer",
    description:
      "each late flight gets a class by its distance, and counts how often it was touched",
    async run(context) {
      await context.applyToCollection("flights", {
        filter: { delay: { $gte: 10 } },
        update: [
          {
            $set: {
              haul: { $cond: [{ $gte: ["$distance", 1500] }, "long", "short"] },
              touched: { $add: [{ $ifNull: ["$touched", 0] }, 1] },
            },
          },
        ],
      });
    },
  },
  {
    name: "bookings-appear",
    version: "1.1.0",
    target: "MasterStateServer",
    description: "a collection for bookings, found by flight",
    reads: ["bookings"],
    async run(context) {
      await context.addCollection("bookings");
      await context.addIndex("bookings", { flight: 1 }, { name: "by-flight" });
      await context.transaction(async (database) => {
        await database
          .collection("bookings")
          .insertOne({ _id: context.id("first"), flight: 1, at: context.now });
      });
    },
  },
  {
    name: "cache-gets-a-size",
    version: "1.1.0",
    target: "StateServer",
    description: "each state server's configuration gets the size of its cache",
    async run(context) {
      await context.keep(configuration(context.dataDirectory));
      const found = await readConfiguration(context.dataDirectory);
      const text = JSON.stringify({ ...found, cacheMegabytes: 64 });
      await writeFile(configuration(context.dataDirectory), text);
    },
  },
  {
    name: "configuration-gets-a-date",
    version: "1.1.0",
    target: "AllMachines",
    description: "each machine's configuration says when it was last upgraded",
    async run(context) {
      await context.keep(configuration(context.dataDirectory));
      const found = await readConfiguration(context.dataDirectory);
      const text = JSON.stringify({ ...found, upgradedAt: context.now.toISOString() });
      await writeFile(configuration(context.dataDirectory), text);
    },
  },
];

/** 1.2.0 assumes that a title is a text. On the real data, some are numbers. */
const titlesAssumed: SchemaStep = {
  name: "titles-in-lower-case",
  version: "1.2.0",
  target: "MasterStateServer",
  description: "each film gets its title in lower case, for the search",
  async run(context) {
    await context.applyToCollection("movies", {
      change: (film) => ({ $set: { search: (film["Title"] as string).toLowerCase() } }),
    });
  },
};

/** The same step as 1.3.0 ships it: mended. */
const titlesMended: SchemaStep = {
  ...titlesAssumed,
  async run(context) {
    await context.applyToCollection("movies", {
      change: (film) => ({ $set: { search: String(film["Title"] ?? "").toLowerCase() } }),
    });
  },
};

const steps121: readonly Step[] = [
  {
    name: "airports-get-a-name",
    version: "1.2.1",
    target: "MasterStateServer",
    description: "each airport gets a label",
    async run(context) {
      await context.applyToCollection("airports", {
        update: [{ $set: { label: { $concat: ["$iata", " ", "$name"] } } }],
      });
    },
  },
];

const steps122: readonly Step[] = [
  {
    name: "films-get-a-decade",
    version: "1.2.2",
    target: "MasterStateServer",
    description: "each film gets the length of its title, each earthquake a mark",
    async run(context) {
      await context.applyToCollection("movies", { update: [{ $set: { marked: true } }] });
      await context.addIndex("movies", { marked: 1 }, { name: "by-mark" });
    },
  },
];

const steps130: readonly Step[] = [
  {
    name: "search-gets-an-index",
    version: "1.3.0",
    target: "MasterStateServer",
    description: "films are found by their lower-case title",
    async run(context) {
      await context.addIndex("movies", { search: 1 }, { name: "by-search" });
    },
  },
];

/** The versions of the catalogue application that the story knows. */
export const catalogueVersions = ["1.0.0", "1.1.0", "1.2.0", "1.2.1", "1.2.2", "1.3.0"] as const;

/** The list of steps in the binary of one version: its own and those before it. */
export function stepsOf(version: string): readonly Step[] {
  const line: Readonly<Record<string, readonly Step[]>> = {
    "1.2.0": [...steps110, titlesAssumed],
    "1.2.1": [...steps110, ...steps121],
    "1.2.2": [...steps110, ...steps122],
    "1.3.0": [...steps110, titlesMended, ...steps130],
  };
  return defineSteps(line[version] ?? steps110.filter((step) => lte(step.version, version)));
}
