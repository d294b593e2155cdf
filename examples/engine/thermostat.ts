// A thermostat runs for ever: it reads its sensor, and heats below the wanted temperature. Run it twice: it goes on.
import { createEngine, durable } from "lockstep/engine";
import { MongoClient } from "mongodb";
import { assign, fromPromise, setup } from "xstate";

const { MONGO_URL = "mongodb://127.0.0.1:27017/?replicaSet=rs0", DATABASE = "examples" } =
  process.env;

const thermostatMachine = setup({
  types: {
    input: {} as { room: string },
    context: {} as { room: string; wanted: number; measured: number; readings: number },
    events: {} as { type: "WANT"; degrees: number } | { type: "MEASURED"; degrees: number },
  },
  actors: { readSensor: fromPromise<number, { readings: number }>(async () => 20) },
  guards: {
    isCold: ({ context }) => context.measured < context.wanted - 0.5,
    isWarm: ({ context }) => context.measured > context.wanted + 0.5,
  },
}).createMachine({
  context: ({ input }) => ({ room: input.room, wanted: 20, measured: 20, readings: 0 }),
  type: "parallel",
  on: { WANT: { actions: assign({ wanted: ({ event }) => event.degrees }) } },
  states: {
    heater: {
      initial: "off",
      states: {
        off: { always: { guard: "isCold", target: "on" } },
        on: { always: { guard: "isWarm", target: "off" } },
      },
    },
    sensor: {
      initial: "reading",
      states: {
        reading: {
          invoke: {
            src: "readSensor",
            input: ({ context: { readings } }) => ({ readings }),
            onDone: {
              target: "resting",
              actions: assign({
                measured: ({ event }) => event.output,
                readings: ({ context }) => context.readings + 1,
              }),
            },
            // A sensor that does not answer is asked again.
            onError: "resting",
          },
        },
        resting: { after: { 100: "reading" } },
      },
    },
  },
});

const thermostat = durable(thermostatMachine, {
  name: "thermostat",
  version: "1.0.0",
  // This room is colder at every second reading.
  tasks: {
    readSensor: { run: async ({ readings }) => (readings % 2 === 0 ? 22 : 18), timeout: "5s" },
  },
});

const client = await new MongoClient(MONGO_URL).connect();
const engine = await createEngine({ client, database: DATABASE, machines: [thermostat] });

// A start that was made before is no error: the second run finds the thermostat as it is.
const hall = await engine.start(thermostat, { id: "hall", input: { room: "hall" } });
const { context } = await engine.get(thermostat, hall);
console.log(`hall: ${context.readings === 0 ? "begins" : "goes on"}`);
await engine.send(thermostat, hall, { type: "WANT", degrees: 20 });
const goal = context.readings + 4;
for await (const { state, revision } of engine.watch(thermostat, hall)) {
  const now = await engine.get(thermostat, hall);
  if (now.context.readings < goal) continue;
  console.log(`hall: ${now.context.readings >= goal ? "4 more readings" : state}`);
  if (revision > 0) break;
}

await engine.close();
await client.close();
