import type { HistoryItem } from "../../../operator/history.ts";
import type { WholeView } from "../../view.ts";
import { span } from "../figures/format.ts";
import { go } from "../state/place.ts";
import { showLive } from "../state/shown-film.ts";
import { Moment } from "./small/time.tsx";

/** The time in each state, as parts of one bar. */
function States({ item }: { readonly item: HistoryItem }) {
  const stays = item.states.filter(({ lastedMs }) => (lastedMs ?? 0) > 0);
  const totalMs = stays.reduce((sum, { lastedMs }) => sum + (lastedMs ?? 0), 0);
  if (totalMs === 0) return null;
  const text = stays.map(({ state, lastedMs }) => `${state} ${span(lastedMs ?? 0)}`).join(", ");
  return (
    <>
      <span class="states" aria-hidden="true" title={text}>
        {stays.map(({ state, at, lastedMs }) => (
          <i
            key={at}
            class={`in-${state}`}
            style={{ width: `${((lastedMs ?? 0) / totalMs) * 100}%` }}
          />
        ))}
      </span>
      <span class="unseen">{text}</span>
    </>
  );
}

function replay(upgradeId: string): void {
  showLive();
  go({ upgradeId, atMs: 0 });
  document.getElementById("timeline-title")?.scrollIntoView({ block: "start" });
}

function Row({ item }: { readonly item: HistoryItem }) {
  const { startedAt, endedAt, downtime } = item;
  const down = downtime.from !== null && downtime.until !== null;
  return (
    <tr>
      <td>
        <strong>
          {item.from} → {item.to}
        </strong>
        <span class="id">{item.upgradeId}</span>
      </td>
      <td>
        <span class={`chip ${item.state}`}>{item.state}</span>
        {item.reason && <span class="detail"> {item.reason.code}</span>}
      </td>
      <td class="wide">
        <States item={item} />
      </td>
      <td>{endedAt === null ? "under way" : span(endedAt - startedAt)}</td>
      <td class="seldom">{down ? span(Number(downtime.until) - Number(downtime.from)) : "–"}</td>
      <td class="seldom">
        <Moment at={startedAt} withDay />
      </td>
      <td>
        <button
          type="button"
          class="text"
          aria-label={`Replay ${item.upgradeId}`}
          onClick={() => replay(item.upgradeId)}
        >
          Replay
        </button>
      </td>
    </tr>
  );
}

/** All upgrades, the latest first. */
export function HistoryPanel({ view }: { readonly view: WholeView }) {
  const items = view.history.toReversed();
  if (items.length === 0) return null;
  return (
    <section class="panel" aria-labelledby="history-title">
      <h2 id="history-title">Upgrades</h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keys */}
      <section class="scroll" tabIndex={0} aria-label="List of upgrades">
        <table>
          <thead>
            <tr>
              <th scope="col">Versions</th>
              <th scope="col">Outcome</th>
              <th scope="col" class="wide">
                Time in each state
              </th>
              <th scope="col">Took</th>
              <th scope="col" class="seldom">
                Down
              </th>
              <th scope="col" class="seldom">
                Began
              </th>
              <th scope="col">
                <span class="unseen">Replay</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {items.map((item) => (
              <Row key={item.upgradeId} item={item} />
            ))}
          </tbody>
        </table>
      </section>
    </section>
  );
}
