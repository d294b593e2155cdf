import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { diagramStyle } from "../../../diagram/svg/style.ts";
import type { DiagramMarks } from "../figures/diagram-marks.ts";
import { markDiagram } from "../figures/mark-diagram.ts";
import { live } from "../state/live.ts";
import { useStore } from "../state/store.ts";

// A sheet that is made by the page's own code is no inline style.
const sheet = new CSSStyleSheet();
sheet.replaceSync(diagramStyle);
document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];

const known = new Map<string, Promise<Element | null>>();

/** Where the server has the picture of a machine that Lockstep ships. */
export function shippedDiagram(machine: string, isBrief: boolean): string {
  return `./api/diagrams/${encodeURIComponent(machine)}/${isBrief ? "brief" : "whole"}`;
}

/** Loads the pictures that a film needs, so that an exported one opens also once nothing answers any more. */
export function useShippedDiagrams(): void {
  const isLive = useStore(live).connection === "live";
  useEffect(() => {
    if (!isLive) return;
    for (const machine of ["upgrade", "participant"]) {
      for (const isBrief of [true, false]) void load(shippedDiagram(machine, isBrief));
    }
  }, [isLive]);
}

/** A diagram of the server. The browser reads it as a document, so no text of it becomes a part of the page. */
function load(path: string): Promise<Element | null> {
  const before = known.get(path);
  if (before) return before;
  const loading = new Promise<Element | null>((resolve) => {
    const request = new XMLHttpRequest();
    request.open("GET", path);
    request.responseType = "document";
    request.onloadend = () => {
      // A proxy may answer in place of the server, with a page of its own.
      const root = request.status === 200 ? request.responseXML?.documentElement : null;
      if (!root) known.delete(path);
      resolve(root ?? null);
    };
    request.send();
  });
  known.set(path, loading);
  return loading;
}

/** Scrolls the frame, and not the page, to the active state: on a phone it is out of sight otherwise. */
function showActive(drawn: Element, frame: HTMLElement | null): void {
  const part = [...drawn.querySelectorAll(".state.active")].at(-1)?.getBoundingClientRect();
  if (part === undefined || frame === null) return;
  const seen = frame.getBoundingClientRect();
  if (part.left < seen.left || part.right > seen.right) {
    frame.scrollLeft += (part.left + part.right - seen.left - seen.right) / 2;
  }
  if (part.top < seen.top || part.bottom > seen.bottom) {
    frame.scrollTop += (part.top + part.bottom - seen.top - seen.bottom) / 2;
  }
}

/** A picture that is in the page, and its address. */
interface Picture {
  readonly path: string;
  readonly root: Element;
}

interface DiagramProps {
  /** Where the server has the picture. */
  readonly path: string;
  readonly brief: boolean;
  /** In its own size, where a small machine would fill the page. Default: as wide as the page */
  readonly isNatural?: boolean;
  readonly marks: DiagramMarks;
}

/** A machine as a picture, with its active state and the edges that it took. */
export function Diagram({ path, brief, isNatural = false, marks }: DiagramProps) {
  const host = useRef<HTMLDivElement>(null);
  const isLive = useStore(live).connection === "live";
  const [picture, setPicture] = useState<Picture | null>(null);
  const drawn = picture?.path === path ? picture.root : null;
  // A picture that the server could not give is asked for again once it answers.
  useEffect(() => {
    if (drawn !== null) return;
    let isWanted = true;
    void load(path).then((root) => {
      if (!isWanted || root === null) return;
      const copy = document.importNode(root, true);
      host.current?.replaceChildren(copy);
      setPicture({ path, root: copy });
    });
    return () => {
      isWanted = false;
    };
  }, [path, isLive]);
  // The picture changes together with the words beside it.
  useLayoutEffect(() => {
    if (drawn === null) return;
    markDiagram(drawn, marks);
    showActive(drawn, host.current?.parentElement ?? null);
  }, [drawn, marks]);
  const size = isNatural ? " natural" : brief ? " brief" : "";
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keys
    <section class={`diagram${size}`} tabIndex={0} aria-label="Diagram">
      <div ref={host} />
      {picture === null && (
        <p class="empty">
          {isLive
            ? "Drawing …"
            : "The server that draws it does not answer. The list has the same."}
        </p>
      )}
    </section>
  );
}
