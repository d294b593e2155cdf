import { useEffect, useRef, useState } from "preact/hooks";
import { printable, printableLine } from "../../../../printable.ts";
import type { ActorView } from "../../../actors/view.ts";
import { ask } from "../../state/rights.ts";

/** The answer to an event, in words. */
export interface Answer {
  readonly message: string;
  /** False where the event has changed nothing. */
  readonly isGood: boolean;
}

interface Props {
  readonly view: ActorView;
  onClose(answer: Answer | null): void;
}

/** Makes an event count once, however often it is sent. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return `page-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** The sentence to which a person agrees. */
function questionOf({ id, database, machine, version, state, sending }: ActorView): string {
  const isMigrated = "migratesTo" in sending && sending.migratesTo !== null;
  const migration = isMigrated ? `, and is migrated to ${sending.migratesTo} with it` : "";
  return printableLine(
    `${id} in "${database}" (${machine} ${version}, in ${state}) gets this event${migration}. It cannot be taken back.`,
  );
}

/** Why the text is no event, or null. */
function troubleIn(text: string): string | null {
  try {
    const { type } = JSON.parse(text) as { type?: unknown };
    return typeof type === "string" && type !== ""
      ? null
      : 'An event has a type: write it as {"type":"PAY"}.';
  } catch (error) {
    return `This is no JSON: ${(error as Error).message}. Write it as {"type":"PAY"}.`;
  }
}

interface StepProps {
  readonly text: string;
  readonly view: ActorView;
  onText(text: string): void;
}

/** The event as a person writes it. */
function EventText({ text, view, onText }: StepProps) {
  return (
    <>
      <label class="field">
        The event, as JSON
        <textarea
          rows={6}
          spellcheck={false}
          value={text}
          onInput={(event) => onText(event.currentTarget.value)}
        />
      </label>
      {view.events !== null && view.events.length > 0 && (
        <fieldset class="buttons types">
          <legend class="detail">Its state takes</legend>
          {view.events.map((type) => (
            <button key={type} type="button" onClick={() => onText(JSON.stringify({ type }))}>
              {printableLine(type)}
            </button>
          ))}
        </fieldset>
      )}
    </>
  );
}

/** Takes an event from a person, shows it together with its receiver, and sends it once the person agrees. */
export function SendDialog({ view, onClose }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState('{"type":""}');
  const [key] = useState(randomKey);
  // The person agrees to what is shown, so the actor of that moment goes along.
  const [asked, setAsked] = useState<ActorView | null>(null);
  const [trouble, setTrouble] = useState("");
  const [isSending, setSending] = useState(false);
  useEffect(() => dialog.current?.showModal(), []);

  const send = async ({ id, version, state, status }: ActorView) => {
    setSending(true);
    try {
      const seen = { version, state, status };
      const sent = await ask("./api/engine/events", { id, event: text, key, seen });
      const isGood = sent.outcome === "applied" || sent.outcome === "duplicate";
      onClose({ message: sent.message, isGood });
    } catch (error) {
      setTrouble((error as Error).message);
      setSending(false);
    }
  };
  const submit = (event: Event) => {
    event.preventDefault();
    if (asked !== null) return void send(asked);
    const wrong = troubleIn(text);
    setTrouble(wrong ?? "");
    if (wrong === null) setAsked(view);
  };
  const back = () => {
    setAsked(null);
    setTrouble("");
  };
  return (
    <dialog ref={dialog} class="wide" aria-labelledby="send-title" onClose={() => onClose(null)}>
      <form onSubmit={submit}>
        <h2 id="send-title">{asked === null ? "Send an event" : "Send this event?"}</h2>
        {asked === null ? (
          <EventText text={text} view={view} onText={setText} />
        ) : (
          <>
            <p>{questionOf(asked)}</p>
            <pre class="value">{printable(text)}</pre>
          </>
        )}
        {trouble !== "" && (
          <p class="why" role="alert">
            {printable(trouble)}
          </p>
        )}
        <p class="buttons ends">
          <button type="button" onClick={() => (asked === null ? dialog.current?.close() : back())}>
            {asked === null ? "Cancel" : "Back"}
          </button>
          <button type="submit" class={asked === null ? "" : "danger"} disabled={isSending}>
            {asked === null ? "Continue" : "Send the event"}
          </button>
        </p>
      </form>
    </dialog>
  );
}
