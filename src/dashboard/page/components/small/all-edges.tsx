interface Props {
  readonly isBrief: boolean;
  readonly setBrief: (isBrief: boolean) => void;
}

/** Shows all edges of a diagram with their events, or the brief form of it. */
export function AllEdges({ isBrief, setBrief }: Props) {
  return (
    <button type="button" class="text" aria-pressed={!isBrief} onClick={() => setBrief(!isBrief)}>
      All edges
    </button>
  );
}
