import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { Long, type MongoClient } from "mongodb";

const entry = createRequire(import.meta.url).resolve("vega-datasets");
const folder = join(dirname(entry), "..", "data");

async function json(name: string): Promise<Record<string, unknown>[]> {
  return JSON.parse(await readFile(join(folder, name), "utf8")) as Record<string, unknown>[];
}

/** Comma-separated lines without quoted commas; quotes are taken off. */
async function csv(name: string): Promise<Record<string, unknown>[]> {
  const [head = "", ...lines] = (await readFile(join(folder, name), "utf8")).trim().split(/\r?\n/);
  const fields = head.split(",");
  return lines.map((line) => {
    const cells = line.match(/("([^"]|"")*"|[^,]*)(,|$)/g) ?? [];
    const values = cells.map((cell) => cell.replace(/,$/, "").replace(/^"|"$/g, ""));
    return Object.fromEntries(fields.map((field, index) => [field, values[index] ?? ""]));
  });
}

/** Loads the catalogue application's real data: films, flights, airports, zip codes, earthquakes. */
export async function loadData(client: MongoClient, databaseName: string): Promise<number> {
  const database = client.db(databaseName, { writeConcern: { w: "majority" } });
  const earthquakes = JSON.parse(await readFile(join(folder, "earthquakes.json"), "utf8")) as {
    features: Record<string, unknown>[];
  };
  const collections: Record<string, Record<string, unknown>[]> = {
    movies: await json("movies.json"),
    flights: await json("flights-200k.json"),
    airports: await csv("airports.csv"),
    zipcodes: await csv("zipcodes.csv"),
    earthquakes: earthquakes.features,
  };
  let total = 0;
  for (const [name, documents] of Object.entries(collections)) {
    for (let start = 0; start < documents.length; start += 10_000) {
      const part = documents.slice(start, start + 10_000);
      await database
        .collection<{ _id: unknown }>(name)
        .insertMany(part.map((fields, index) => ({ ...fields, _id: start + index })) as never[]);
    }
    total += documents.length;
  }
  await database.collection("movies").createIndex({ Title: 1 }, { name: "by-title" });
  await database
    .collection("settings")
    .insertOne({ _id: "limits" as never, seats: Long.fromNumber(5) });
  return total + 1;
}
