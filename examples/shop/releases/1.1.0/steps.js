import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { defineSteps } from "lockstep";
import { Int32 } from "mongodb";

export const steps = defineSteps([
  {
    name: "prices-in-cents",
    version: "1.1.0",
    target: "MasterStateServer",
    description: "each price is a number of cents with a currency",
    async run(context) {
      await context.applyToCollection("products", {
        change: ({ price }) => ({
          $set: { price: { cents: new Int32(Math.round(price * 100)), currency: "EUR" } },
        }),
      });
      await context.addIndex("products", { "price.cents": 1 }, { name: "by-price" });
    },
  },
  {
    name: "host-gets-a-greeting",
    version: "1.1.0",
    target: "StateServer",
    description: "the folder of each state server gets the text that the shop shows",
    async run(context) {
      const path = join(context.dataDirectory, "greeting.txt");
      await context.keep(path); // before it is changed
      await writeFile(path, "now in cents");
    },
  },
]);
