import { live } from "../state/live.ts";
import { useStore } from "../state/store.ts";
import { TokenButton } from "./small/token.tsx";
import { Views } from "./small/views.tsx";

const words = { connecting: "connecting", live: "live", lost: "no connection" } as const;

/** The fleet, its versions, and whether the page is up to date. */
export function Header() {
  const { view, connection } = useStore(live);
  const versions = view?.versions;
  return (
    <header class="top">
      <div class="brand">
        <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
          <rect width="32" height="32" rx="8" />
          <path d="M9 8v16M9 24h7M23 24V8M23 8h-7" />
        </svg>
        <h1>
          Lockstep <span class="fleet">{view?.fleet.name}</span>
        </h1>
      </div>
      <Views />
      <div class="top-end">
        {versions && (
          <dl class="versions">
            <div>
              <dt>Agents</dt>
              <dd>{versions.agentVersion}</dd>
            </div>
            <div>
              <dt>Database</dt>
              <dd>{versions.upgradeId === null ? versions.databaseVersion : "in transition"}</dd>
            </div>
          </dl>
        )}
        <TokenButton />
        <p class={`connection ${connection}`} role="status">
          <span class="pulse" aria-hidden="true" />
          {words[connection]}
        </p>
      </div>
    </header>
  );
}
