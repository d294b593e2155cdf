import { MongoClient } from "mongodb";
import { dump, load } from "./copy.ts";

// Backs up and restores what is there, and prints the peak of its own memory in MB.
const [, , url = "", folder = ""] = process.argv;
const client = new MongoClient(url);
const { directory } = await dump(client, "bench", folder);
await load(client, "bench_restored", directory);
await client.close();
process.stdout.write(String(process.resourceUsage().maxRSS / 1024));
