const paths = {
  check: "M5 10.5l3.2 3.2L15 7",
  cross: "M6 6l8 8M14 6l-8 8",
  back: "M8 5L4 9l4 4M4 9h7a5 5 0 010 10H9",
  dot: "M10 10h.01",
  open: "M6 9V7a4 4 0 017.5-2M5 9h10v7H5z",
  shut: "M6.5 9V7a3.5 3.5 0 017 0v2M5 9h10v7H5z",
  star: "M4 14l-1-8 4 3 3-5 3 5 4-3-1 8z",
  warn: "M10 4l7 12H3zM10 8v4M10 14.5h.01",
  play: "M7 5l8 5-8 5z",
  pause: "M7 5v10M13 5v10",
  before: "M14 5l-7 5 7 5zM6 5v10",
  after: "M6 5l7 5-7 5zM14 5v10",
  search: "M9 14A5 5 0 109 4a5 5 0 000 10zM13 13l4 4",
} as const;

export type IconName = keyof typeof paths;

/** A small picture. Its meaning is in the text beside it. */
export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true">
      <path d={paths[name]} />
    </svg>
  );
}
