import { useEffect, useRef, useState } from "preact/hooks";
import type { Confirmation } from "../../figures/confirmations.ts";
import { ask, rights } from "../../state/rights.ts";
import { useStore } from "../../state/store.ts";

interface DialogProps {
  readonly confirmation: Confirmation;
  onClose(answer: string): void;
}

/** Asks a person before anything is asked of the master. */
function ActionDialog({ confirmation, onClose }: DialogProps) {
  const { title, text, button, type, why, request } = confirmation;
  const dialog = useRef<HTMLDialogElement>(null);
  const [typed, setTyped] = useState("");
  const [trouble, setTrouble] = useState("");
  const [isAsking, setAsking] = useState(false);
  useEffect(() => dialog.current?.showModal(), []);
  const act = async (event: Event) => {
    event.preventDefault();
    setAsking(true);
    try {
      const given = type === null ? { why: typed } : { confirm: typed };
      const asked = { ...request, ...(type === null && !why ? {} : given) };
      onClose((await ask("./api/requests", asked)).message);
    } catch (error) {
      setTrouble((error as Error).message);
      setAsking(false);
    }
  };
  const label = type === null ? "Reason, for the history" : `Type "${type}" to go on`;
  return (
    <dialog ref={dialog} aria-labelledby="action-title" onClose={() => onClose("")}>
      <form onSubmit={(event) => void act(event)}>
        <h2 id="action-title">{title}</h2>
        <p>{text}</p>
        {(type !== null || why) && (
          <label class="field">
            {label}
            <input
              autocomplete="off"
              value={typed}
              onInput={(event) => setTyped(event.currentTarget.value)}
            />
          </label>
        )}
        {trouble !== "" && (
          <p class="why" role="alert">
            {trouble}
          </p>
        )}
        <p class="buttons ends">
          <button type="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button
            type="submit"
            class="danger"
            disabled={isAsking || (type !== null && typed !== type)}
          >
            {button}
          </button>
        </p>
      </form>
    </dialog>
  );
}

/** A button that asks the master for something. Without the right to act it is not there. */
export function Action({ confirmation }: { readonly confirmation: Confirmation | null }) {
  const { mayAct } = useStore(rights);
  const [isOpen, setOpen] = useState(false);
  const [answer, setAnswer] = useState("");
  if (!mayAct || confirmation === null) return null;
  const close = (said: string) => {
    setOpen(false);
    setAnswer((before) => said || before);
  };
  return (
    <>
      <button type="button" class="danger" onClick={() => setOpen(true)}>
        {confirmation.button} …
      </button>
      {answer !== "" && (
        <p class="detail" role="status">
          {answer}
        </p>
      )}
      {isOpen && <ActionDialog confirmation={confirmation} onClose={close} />}
    </>
  );
}
