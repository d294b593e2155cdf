import { exitCodes } from "../../exit-codes.ts";
import { jsonLine } from "../../output/json-line.ts";
import { docsLinkOf } from "../../render/docs-link.ts";
import { renderExplanation } from "../../render/explanation.ts";
import { type SharedOptions, type Terminal, withFleet } from "../../run.ts";

/** `lockstep explain [AGENT]`: says what failed, what was tried, what is safe and what to do. */
export function explain(
  agent: string | undefined,
  options: SharedOptions,
  terminal: Terminal,
): Promise<number> {
  return withFleet(options, terminal, async (fleet) => {
    const explanation = await fleet.explain(agent);
    const causes = explanation.causes.map((cause) => {
      return { ...cause, docs: cause.code === null ? null : docsLinkOf(cause.code) };
    });
    terminal.out(
      options.json
        ? jsonLine({ type: "explanation", ...explanation, causes })
        : renderExplanation(explanation, terminal.sayWord),
    );
    return exitCodes.done;
  });
}
