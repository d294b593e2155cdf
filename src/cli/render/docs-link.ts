/** The heading that explains an error code, in the documents that the package ships. Pure. */
export function docsLinkOf(code: string): string {
  return `docs/errors.md#${code}`;
}
