import type { Polled } from "../../state/poll.ts";
import { Icon } from "../small/icon.tsx";

/** Why the server gives no newer answer. */
export function PolledTrouble({ trouble }: Pick<Polled<unknown>, "trouble">) {
  if (trouble === null) return null;
  return (
    <p class="notice" role="alert">
      <Icon name="warn" />
      <span>
        <code>{trouble.code}</code> {trouble.message}
      </span>
    </p>
  );
}
