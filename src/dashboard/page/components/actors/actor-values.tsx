import { printable } from "../../../../printable.ts";
import type { ActorView } from "../../../actors/view.ts";

function Value({ name, text }: { readonly name: string; readonly text: string | null }) {
  if (text === null) return null;
  return (
    <div>
      <h3>{name}</h3>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keys */}
      <pre class="value" tabIndex={0}>
        {printable(text)}
      </pre>
    </div>
  );
}

/** The context and the output of an actor. */
export function ActorValues({ view: { context, output } }: { readonly view: ActorView }) {
  if (context === null && output === null) return null;
  return (
    <section class="panel" aria-labelledby="values-title">
      <h2 id="values-title">Values</h2>
      <div class="values">
        <Value name="Context" text={context} />
        <Value name="Output" text={output} />
      </div>
    </section>
  );
}
