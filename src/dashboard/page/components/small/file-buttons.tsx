import { useEffect } from "preact/hooks";
import type { Film } from "../../../../operator/film/film.ts";
import type { Shown } from "../../state/choose-film.ts";
import { openFile } from "../../state/shown-film.ts";

/** Opens a file that is dropped anywhere on the page. */
export function useDrop(): void {
  useEffect(() => {
    const over = (event: DragEvent) => event.preventDefault();
    const drop = (event: DragEvent) => {
      event.preventDefault();
      const file = event.dataTransfer?.files[0];
      if (file) void openFile(file);
    };
    addEventListener("dragover", over);
    addEventListener("drop", drop);
    return () => {
      removeEventListener("dragover", over);
      removeEventListener("drop", drop);
    };
  }, []);
}

interface Props {
  readonly film: Film | null;
  readonly source: Shown["source"];
}

/** The ways of a film into a file and out of it. */
export function FileButtons({ film, source }: Props) {
  return (
    <>
      <label class="text">
        Open a file
        <input
          type="file"
          class="unseen"
          accept="application/json"
          onChange={(event) => {
            const file = event.currentTarget.files?.[0];
            if (file) void openFile(file);
          }}
        />
      </label>
      {film !== null && source !== "file" && (
        <a class="text" href={`./api/films/${encodeURIComponent(film.upgradeId)}`} download>
          Export
        </a>
      )}
    </>
  );
}
