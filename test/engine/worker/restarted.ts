// biome-ignore-all lint/suspicious/noExplicitAny: charts without declared types.
import { type DurableOptions, durable } from "../../../src/engine/definition/durable.ts";
import type { Engine } from "../../../src/engine/engine-api.ts";
import { hostOf, names } from "../api/failing-actors.ts";

/** An actor whose process is killed after each call: what follows goes on from the journal alone. */
export async function restarted(
  machine: any,
  options: Partial<DurableOptions<any>> = {},
  input?: unknown,
) {
  const made: any = durable(machine, { ...names, ...options } as any);
  const host = hostOf(made);
  const ask = async <Result>(act: (engine: Engine) => Promise<Result>): Promise<Result> => {
    const result = await host.ask(act);
    await host.settle();
    host.kill();
    return result;
  };
  await ask((engine) => engine.start(made, { id: "a", input } as any));
  return {
    send: (event: { readonly type: string }) => ask((engine) => engine.send(made, "a", event)),
    get: (): Promise<any> => ask((engine) => engine.get(made, "a")),
    history: () => ask((engine) => engine.history("a")),
    async elapse(ms: number) {
      await host.elapse(ms);
      host.kill();
    },
    /** Lets a process take over, and do what it can. */
    async settle() {
      await host.settle();
      host.kill();
    },
  };
}
