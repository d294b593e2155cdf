import { askServer, refused } from "./refused.ts";
import { createStore } from "./store.ts";

/** The right to act: the token that a person has entered, and what the server says of it. */
export interface Rights {
  readonly token: string;
  readonly mayAct: boolean;
  /** Why the page may not act, in the words of the server. */
  readonly message: string;
}

/** The token lives as long as the tab. No cookie holds it, so no other site can use it. */
const key = "lockstep-token";

export const rights = createStore<Rights>({ token: "", mayAct: false, message: "" });

interface Answer {
  readonly mayAct?: boolean;
  readonly message?: string;
  readonly outcome?: string;
}

/** Asks the server whether this token gives the right to act. */
export async function enterToken(token: string): Promise<boolean> {
  const headers = token === "" ? {} : { Authorization: `Bearer ${token}` };
  const response = await askServer("./api/rights", { headers });
  if (!response.ok) throw await refused(response);
  const { mayAct = false, message = "" } = (await response.json()) as Answer;
  rights.set(() => ({ token: mayAct ? token : "", mayAct, message }));
  if (mayAct) sessionStorage.setItem(key, token);
  else sessionStorage.removeItem(key);
  return mayAct;
}

/** Takes the token that the tab has from before a reload. */
export async function recallToken(): Promise<void> {
  await enterToken(sessionStorage.getItem(key) ?? "").catch(() => false);
}

/** A request of the person with the token, and its answer. */
export async function ask(
  path: string,
  request: object,
): Promise<{ readonly message: string; readonly outcome?: string }> {
  const response = await askServer(path, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      Authorization: `Bearer ${rights.get().token}`,
    },
    body: JSON.stringify(request),
  });
  if (!response.ok) throw await refused(response);
  const { message = "", outcome } = (await response.json()) as Answer;
  return outcome === undefined ? { message } : { message, outcome };
}
