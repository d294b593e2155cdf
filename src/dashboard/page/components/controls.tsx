import { useEffect, useState } from "preact/hooks";
import type { Film } from "../../../operator/film/film.ts";
import { span } from "../figures/format.ts";
import { neighbour } from "../figures/lanes.ts";
import { go } from "../state/place.ts";
import { Icon } from "./small/icon.tsx";

/** A whole upgrade plays in so many pictures. */
const pictures = 300;
const pictureMs = 40;

interface ControlsProps {
  readonly film: Film;
  readonly fromMs: number;
  readonly lengthMs: number;
  readonly atMs: number;
  readonly state: string;
}

/** The slider over an upgrade, and the buttons beside it. */
export function Controls({ film, fromMs, lengthMs, atMs, state }: ControlsProps) {
  const [isPlaying, setPlaying] = useState(false);
  useEffect(() => {
    if (!isPlaying) return;
    const next = atMs >= lengthMs ? null : Math.min(lengthMs, atMs + lengthMs / pictures);
    const timer = setTimeout(
      () => (next === null ? setPlaying(false) : go({ atMs: next })),
      pictureMs,
    );
    return () => clearTimeout(timer);
  }, [isPlaying, atMs, lengthMs]);
  const jump = (direction: 1 | -1) => {
    setPlaying(false);
    const at = neighbour(film, fromMs + atMs, direction);
    if (at !== null) go({ atMs: at - fromMs });
  };
  const play = () => {
    if (!isPlaying && atMs >= lengthMs) go({ atMs: 0 });
    setPlaying(!isPlaying);
  };
  return (
    <div class="controls">
      <div class="buttons">
        <button type="button" onClick={() => jump(-1)} aria-label="Event before">
          <Icon name="before" />
        </button>
        <button type="button" onClick={play} aria-label={isPlaying ? "Pause" : "Play"}>
          <Icon name={isPlaying ? "pause" : "play"} />
        </button>
        <button type="button" onClick={() => jump(1)} aria-label="Next event">
          <Icon name="after" />
        </button>
      </div>
      <input
        type="range"
        aria-label="Moment"
        aria-valuetext={`${span(atMs)} after the beginning, ${state}`}
        min={0}
        max={Math.ceil(lengthMs)}
        step={1}
        value={Math.round(atMs)}
        onInput={(event) => {
          setPlaying(false);
          go({ atMs: Number(event.currentTarget.value) });
        }}
      />
    </div>
  );
}
