/** Where a message is written: it grows, keeps its draft, sends, and stops what is being written. */

import {
  type FormEvent,
  type KeyboardEvent,
  type ReactNode,
  type RefObject,
  useId,
  useLayoutEffect,
  useRef,
} from "react";
import { useDraft } from "../state/drafts.ts";
import { ArrowUp, StopSquare } from "../ui/icons.tsx";
import { composes } from "../ui/keys.ts";

const TOUCH = matchMedia("(hover: none) and (pointer: coarse)");

interface Props {
  /** The draft's name: a conversation's id, or `new`. */
  draft: string;
  /** Why nothing can be sent, whatever is written; null where it can. */
  blocked: string | null;
  /** An answer is being written: a message now waits its turn. */
  busy: boolean;
  stopping: boolean;
  onSend(text: string): void;
  onStop: (() => void) | null;
  /** Stands before the field. */
  children?: ReactNode;
}

/** Let the field be as tall as its text where the browser does not do it by itself (`field-sizing`). */
function useGrowing(field: RefObject<HTMLTextAreaElement | null>, text: string): void {
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is measured when the text changes
  useLayoutEffect(() => {
    const area = field.current;
    if (!area || CSS.supports("field-sizing", "content")) return;
    area.style.height = "0";
    area.style.height = `${area.scrollHeight}px`;
  }, [field, text]);
}

const KEYS = TOUCH.matches ? "" : "Enter to send, Shift + Enter for a new line";

export function Composer({ draft, blocked, busy, stopping, onSend, onStop, children }: Props) {
  const [text, setText] = useDraft(draft);
  const field = useRef<HTMLTextAreaElement>(null);
  const hint = useId();
  const reason = blocked ?? (text.trim() === "" ? "Write a message first" : null);
  useGrowing(field, text);

  const submit = (event: FormEvent | KeyboardEvent) => {
    event.preventDefault();
    field.current?.focus();
    if (reason) return;
    onSend(text.trim());
    setText("");
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // An input method's Enter takes a word; a phone's keyboard has no Shift + Enter, there the button sends.
    const sends = event.key === "Enter" && !event.shiftKey && !composes(event.nativeEvent) && !TOUCH.matches;
    if (sends) submit(event);
  };
  const calm = busy ? "Your next message waits until this answer is done" : KEYS;
  const note = stopping ? "Stopping…" : (blocked ?? calm);
  return (
    <form onSubmit={submit} className="column">
      <div className="flex items-end gap-2 rounded-3xl border border-line bg-raised p-2 shadow-float transition-colors focus-within:border-thread">
        {children}
        <textarea
          id="composer"
          ref={field}
          data-testid="composer"
          aria-label="Message"
          aria-describedby={hint}
          placeholder={busy ? "Write the next message" : "Ask anything"}
          rows={1}
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={onKeyDown}
          className="[field-sizing:content] max-h-[40dvh] min-h-10 w-full resize-none bg-transparent py-2 text-base leading-6 outline-none placeholder:text-faint"
        />
        {onStop && <StopButton stopping={stopping} onClick={onStop} />}
        <SendButton reason={reason} busy={busy} />
      </div>
      <p
        id={hint}
        className={`mt-2 h-4 truncate text-center text-xs ${blocked && !stopping ? "text-warn" : "text-faint"}`}
      >
        {note}
      </p>
    </form>
  );
}

function StopButton({ stopping, onClick }: { stopping: boolean; onClick(): void }) {
  return (
    <button
      type="button"
      data-testid="stop"
      aria-label={stopping ? "Stopping the answer" : "Stop the answer"}
      title={stopping ? "Stopping…" : "Stop the answer (Esc)"}
      disabled={stopping}
      onClick={onClick}
      className="grid size-10 shrink-0 place-items-center rounded-full border border-line text-ink transition hover:bg-hover disabled:text-faint"
    >
      {stopping ? <span className="spinner" aria-hidden="true" /> : <StopSquare className="size-5" />}
    </button>
  );
}

/** Not `disabled`, so that the reason can be read from it. */
function SendButton({ reason, busy }: { reason: string | null; busy: boolean }) {
  const id = useId();
  return (
    <>
      <button
        type="submit"
        data-testid="send"
        aria-label="Send"
        aria-disabled={reason !== null}
        aria-describedby={reason ? id : undefined}
        title={reason ?? (busy ? "Send when this answer is done" : "Send")}
        className="grid size-10 shrink-0 place-items-center rounded-full bg-accent text-accent-ink transition hover:opacity-90 aria-disabled:bg-active aria-disabled:text-faint"
      >
        <ArrowUp className="size-5" />
      </button>
      {reason && (
        <span id={id} className="sr-only">
          {reason}
        </span>
      )}
    </>
  );
}
