// Fills the shop's database: 2,000 products, and one that everybody orders.
import { MongoClient } from "mongodb";

const client = new MongoClient(process.env.LOCKSTEP_MONGO_URL ?? "");
const products = Array.from({ length: 2_000 }, (_, n) => ({ sku: `sku-${n}`, price: n / 4 }));
await client
  .db()
  .collection("products")
  .insertMany([...products, { sku: "mug", price: 12.5 }]);
await client.db().collection("products").createIndex({ sku: 1 }, { unique: true });
await client.close();
