import { clockText, dayText, span, utcText } from "../../figures/format.ts";
import { useNow } from "../../state/now.ts";

/** A moment in the reader's time zone, with UTC beside it for a comparison with logs. */
export function Moment({
  at,
  withDay = false,
}: {
  readonly at: number;
  readonly withDay?: boolean;
}) {
  return (
    <time dateTime={new Date(at).toISOString()} title={utcText(at)}>
      {withDay ? dayText(at) : clockText(at)}
    </time>
  );
}

/** How long ago a moment was. */
export function Age({ at }: { readonly at: number }) {
  const now = useNow();
  return (
    <time dateTime={new Date(at).toISOString()} title={utcText(at)}>
      {span(now - at)}
    </time>
  );
}
