/** Why the server refused, in its words. A proxy on the way may answer in its place, with words for nobody. */
export async function refused(response: Response): Promise<Error> {
  const answer = (await response.json().catch(() => null)) as { readonly message?: string } | null;
  return new Error(
    answer?.message ?? `expected an answer of the dashboard, found the status ${response.status}`,
  );
}
