import { printableLine } from "../../../../printable.ts";

/** A text of an engine. It may hold characters that hide a part of it or turn its direction. */
export function Odd({ text }: { readonly text: string }) {
  return <bdi>{printableLine(text)}</bdi>;
}
