import { useEffect, useRef, useState } from "preact/hooks";
import { enterToken, recallToken, rights } from "../../state/rights.ts";
import { useStore } from "../../state/store.ts";
import { Icon } from "./icon.tsx";

/** The button that says whether the page may act, and takes the token. */
export function TokenButton() {
  const { mayAct, message } = useStore(rights);
  const [token, setToken] = useState("");
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => void recallToken(), []);
  const enter = async (event: Event) => {
    event.preventDefault();
    const isRight = await enterToken(token).catch((error: Error) => {
      rights.set((now) => ({ ...now, message: error.message }));
      return false;
    });
    if (isRight) dialog.current?.close();
    setToken("");
  };
  return (
    <>
      <button
        type="button"
        class="pill"
        onClick={() => (mayAct ? void enterToken("") : dialog.current?.showModal())}
      >
        <Icon name={mayAct ? "open" : "shut"} /> {mayAct ? "May act" : "Read-only"}
      </button>
      <dialog ref={dialog} aria-labelledby="token-title">
        <form onSubmit={(event) => void enter(event)}>
          <h2 id="token-title">The right to act</h2>
          <p>
            With the token of this dashboard the page can abort, retry and send events. It is kept
            in this tab.
          </p>
          <label class="field">
            Token
            <input
              type="password"
              autocomplete="off"
              value={token}
              onInput={(event) => setToken(event.currentTarget.value)}
            />
          </label>
          {message !== "" && <p class="detail">{message}</p>}
          <p class="buttons ends">
            <button type="button" onClick={() => dialog.current?.close()}>
              Cancel
            </button>
            <button type="submit">Enter</button>
          </p>
        </form>
      </dialog>
    </>
  );
}
