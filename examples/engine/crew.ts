// A parent spawns one worker for each page that it has to count, and is done when all of them are.
import { createEngine, durable } from "lockstep/engine";
import { MongoClient } from "mongodb";
import { assign, enqueueActions, fromPromise, sendParent, setup } from "xstate";

const { MONGO_URL = "mongodb://127.0.0.1:27017/?replicaSet=rs0", DATABASE = "examples" } =
  process.env;

const workerMachine = setup({
  types: {
    input: {} as { page: string },
    context: {} as { page: string; words: number },
  },
  actors: { countWords: fromPromise<number, { page: string }>(async () => 0) },
}).createMachine({
  context: ({ input }) => ({ page: input.page, words: 0 }),
  initial: "counting",
  states: {
    counting: {
      invoke: {
        src: "countWords",
        input: ({ context: { page } }) => ({ page }),
        onDone: { target: "done", actions: assign({ words: ({ event }) => event.output }) },
        onError: "failed",
      },
    },
    // Messages between actors of one tree are part of the same transition: they arrive once, and in order.
    done: {
      type: "final",
      entry: sendParent(({ context: { page, words } }) => ({ type: "COUNTED", page, words })),
    },
    failed: {
      type: "final",
      entry: sendParent(({ context: { page } }) => ({ type: "COUNTED", page, words: 0 })),
    },
  },
});

const crewMachine = setup({
  types: {
    input: {} as { pages: string[] },
    context: {} as { pages: string[]; words: Record<string, number> },
    events: {} as { type: "COUNTED"; page: string; words: number },
    output: {} as { total: number },
  },
  actors: { worker: workerMachine },
}).createMachine({
  context: ({ input }) => ({ pages: input.pages, words: {} }),
  initial: "working",
  states: {
    working: {
      entry: enqueueActions(({ enqueue, context }) => {
        // A child has a name and an id, so that another process can start it again.
        for (const page of context.pages) {
          enqueue.spawnChild("worker", { id: `worker-of-${page}`, input: { page } });
        }
      }),
      on: {
        COUNTED: {
          actions: assign({
            words: ({ context, event }) => ({ ...context.words, [event.page]: event.words }),
          }),
        },
      },
      always: {
        guard: ({ context }) => Object.keys(context.words).length === context.pages.length,
        target: "done",
      },
    },
    done: { type: "final" },
  },
  output: ({ context }) => ({
    total: Object.values(context.words).reduce((sum, words) => sum + words, 0),
  }),
});

const crew = durable(crewMachine, {
  name: "crew",
  version: "1.0.0",
  // Tasks of the parent's workers are declared here too.
  tasks: {
    countWords: { run: async ({ page }) => page.length, retry: { attempts: 3 } },
  },
});

const client = await new MongoClient(MONGO_URL).connect();
const engine = await createEngine({ client, database: DATABASE, machines: [crew] });

await engine.start(crew, { id: "crew-1", input: { pages: ["one", "three", "seven"] } });
const { output, context } = await engine.waitFor(crew, "crew-1", ({ status }) => status === "done");
for (const page of context.pages) console.log(`${page}: ${context.words[page]}`);
console.log(`crew-1: ${output?.total} in all`);

await engine.close();
await client.close();
