/** Asks the server. A browser's own words for one that does not answer say nothing of it. */
export function askServer(path: string, init: RequestInit): Promise<Response> {
  return fetch(path, init).catch(() => {
    throw new Error("expected an answer of the dashboard's server, found none: try again");
  });
}

/** Why the server refused, in its words. A proxy on the way may answer in its place, with words for nobody. */
export async function refused(response: Response): Promise<Error> {
  const answer = (await response.json().catch(() => null)) as { readonly message?: string } | null;
  return new Error(
    answer?.message ?? `expected an answer of the dashboard, found the status ${response.status}`,
  );
}
