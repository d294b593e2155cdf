import type { WholeView } from "../../view.ts";
import { Icon } from "./icon.tsx";

/** Why the upgrade failed, was turned back or cannot go on. */
export function ReasonPanel({ view }: { readonly view: WholeView }) {
  const reason = view.upgrade?.reason;
  if (!reason) return null;
  const facts = Object.entries(reason.details);
  return (
    <section class="panel reason" aria-labelledby="reason-title">
      <h2 id="reason-title">
        <Icon name="warn" /> Reason <code>{reason.code}</code>
      </h2>
      <p class="message">{reason.message}</p>
      {facts.length > 0 && (
        <details>
          <summary>Facts</summary>
          <dl class="facts">
            {facts.map(([name, value]) => (
              <div key={name}>
                <dt>{name}</dt>
                <dd>{typeof value === "string" ? value : JSON.stringify(value)}</dd>
              </div>
            ))}
          </dl>
        </details>
      )}
      <p class="detail">
        The way out is in <code>docs/errors.md#{reason.code}</code>.
      </p>
    </section>
  );
}
