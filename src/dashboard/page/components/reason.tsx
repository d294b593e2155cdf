import type { Explanation } from "../../../operator/explanation/explain.ts";
import type { WholeView } from "../../view.ts";
import { Icon } from "./small/icon.tsx";

function CauseItem({ who, code, message, details }: Explanation["causes"][number]) {
  const facts = Object.entries(details);
  return (
    <li>
      <p class="message">
        <strong>{who}</strong> {code !== null && <code>{code}</code>} {message}
      </p>
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
      {code !== null && (
        <p class="detail">
          see <code>docs/errors.md#{code}</code>
        </p>
      )}
    </li>
  );
}

interface PartProps {
  readonly title: string;
  readonly lines: readonly string[];
}

function Part({ title, lines }: PartProps) {
  if (lines.length === 0) return null;
  return (
    <div>
      <h3>{title}</h3>
      <ul>
        {lines.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
    </div>
  );
}

/** Why the upgrade is in trouble, and what to do now: in the words of `lockstep explain`. */
export function ReasonPanel({ view }: { readonly view: WholeView }) {
  const { explanation } = view;
  if (explanation === null || explanation.causes.length === 0) return null;
  const { causes, tried, safe, next } = explanation;
  return (
    <section class="panel reason" aria-labelledby="reason-title">
      <h2 id="reason-title">
        <Icon name="warn" /> Why
      </h2>
      <ol class="causes">
        {causes.map((cause) => (
          <CauseItem key={`${cause.who} ${cause.message}`} {...cause} />
        ))}
      </ol>
      <div class="parts">
        <Part title="Tried so far" lines={tried} />
        <Part title="Safe now" lines={safe} />
        {next.length > 0 && (
          <div>
            <h3>Next</h3>
            <ul>
              {next.map(({ command, why }) => (
                <li key={why}>
                  {command !== null && <code>{command}</code>} {why}
                </li>
              ))}
            </ul>
          </div>
        )}
      </div>
    </section>
  );
}
