import { useState } from "preact/hooks";
import type { ActorView } from "../../../actors/view.ts";
import { rights } from "../../state/rights.ts";
import { useStore } from "../../state/store.ts";
import { Odd } from "../small/odd.tsx";
import { type Answer, SendDialog } from "./send-dialog.tsx";

/** Why nobody can send the actor an event in this page, or null. */
function refusalOf({ sending, status }: ActorView, mayAct: boolean): string | null {
  if (status !== "active") return "It has ended, and takes no event.";
  if ("refusal" in sending) return `No event can be sent: ${sending.refusal}`;
  return mayAct ? null : "To send one, enter the token of this dashboard first.";
}

/** A button that sends an event, after a question. */
export function SendEvent({ view }: { readonly view: ActorView }) {
  const { mayAct } = useStore(rights);
  const [isOpen, setOpen] = useState(false);
  const [answer, setAnswer] = useState<Answer | null>(null);
  const refusal = refusalOf(view, mayAct);
  const close = (given: Answer | null) => {
    setOpen(false);
    setAnswer((before) => given ?? before);
  };
  return (
    <>
      {refusal === null ? (
        <button type="button" class="danger" onClick={() => setOpen(true)}>
          Send an event …
        </button>
      ) : (
        <p class="detail">
          <Odd text={refusal} />
        </p>
      )}
      <p class={answer?.isGood === false ? "why" : "detail"} role="status" id="sent">
        {answer !== null && <Odd text={answer.message} />}
      </p>
      {isOpen && <SendDialog view={view} onClose={close} />}
    </>
  );
}
