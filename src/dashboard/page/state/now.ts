import { useEffect, useState } from "preact/hooks";
import { live } from "./live.ts";

/** The time by the database's clock, as far as this page knows it. */
function databaseNow(): number {
  return performance.now() + live.get().offsetMs;
}

/** The same in a component that shows an age or a countdown: it is drawn anew every half second. */
export function useNow(): number {
  const [now, setNow] = useState(databaseNow());
  useEffect(() => {
    const timer = setInterval(() => setNow(databaseNow()), 500);
    return () => clearInterval(timer);
  }, []);
  return Math.max(now, databaseNow());
}
