import { useMemo, useState } from "preact/hooks";
import type { AgentTile, WholeView } from "../../view.ts";
import { agentsShown } from "../figures/agents-shown.ts";
import { forgetConfirmation } from "../figures/confirmations.ts";
import { count, span } from "../figures/format.ts";
import { useNow } from "../state/now.ts";
import { Action } from "./small/action.tsx";
import { Icon } from "./small/icon.tsx";
import { Age } from "./small/time.tsx";

/** More tiles than this would hide what matters. */
const tilesMax = 60;

interface TileProps {
  readonly agent: AgentTile;
  readonly isMaster: boolean;
}

function Tile({ agent, isMaster }: TileProps) {
  const { condition } = agent;
  const now = useNow();
  return (
    <li class={`tile ${condition.word}`}>
      <p class="tile-top">
        <strong>{agent.agent}</strong>
        {isMaster && (
          <span class="badge">
            <Icon name="star" /> master
          </span>
        )}
        <span class="version">{agent.version}</span>
      </p>
      <p class="condition">
        <span class="word">{condition.word}</span> {condition.what}
      </p>
      <p class="detail">
        <Icon name={agent.gate === "open" ? "open" : "shut"} /> gate {agent.gate}
        {agent.lastSeenAt !== null && `, heard ${span(Math.max(0, now - agent.lastSeenAt))} ago`}
        {agent.drainingSince !== null && (
          <>
            , drains for <Age at={agent.drainingSince} />
          </>
        )}
      </p>
      {condition.todo !== null && <p class="why">{condition.todo}</p>}
      {agent.silent && condition.word === "blocked" && (
        <Action confirmation={forgetConfirmation(agent.agent)} />
      )}
      {agent.owes !== null && <p class="why">owes an undo of {agent.owes}</p>}
    </li>
  );
}

const counts = (pairs: readonly (readonly [string, number])[]) =>
  pairs.map(([word, number]) => `${count(number)} ${word}`).join(", ");

/** The fleet: each agent a tile; of a large fleet those in trouble first. */
export function Agents({ view }: { readonly view: WholeView }) {
  const [search, setSearch] = useState("");
  const agents = useMemo(() => Object.values(view.agents), [view.agents]);
  const { shown, hidden, conditions, versions } = useMemo(
    () => agentsShown(agents, search, tilesMax),
    [agents, search],
  );
  return (
    <section class="panel" aria-labelledby="agents-title">
      <div class="panel-top">
        <h2 id="agents-title">
          Agents <span class="id">{count(agents.length)}</span>
        </h2>
        <p class="detail">
          {counts(conditions)}
          {versions.length > 1 &&
            ` · ${versions.map(([v, n]) => `${count(n)} on ${v}`).join(", ")}`}
        </p>
        {agents.length > 6 && (
          <label class="search">
            <Icon name="search" />
            <input
              type="search"
              placeholder="Name, version, host or condition"
              aria-label="Search the agents"
              value={search}
              onInput={(event) => setSearch(event.currentTarget.value)}
            />
          </label>
        )}
      </div>
      <ul class="tiles">
        {shown.map((agent) => (
          <Tile key={agent.agent} agent={agent} isMaster={isMaster(view, agent)} />
        ))}
      </ul>
      {hidden > 0 && <p class="detail">{count(hidden)} more match: search for one.</p>}
      {agents.length === 0 && <p class="empty">No agent has started yet.</p>}
    </section>
  );
}

const isMaster = ({ master }: WholeView, { agent }: AgentTile) =>
  master?.agent === agent && master.leaseUntil !== null;
