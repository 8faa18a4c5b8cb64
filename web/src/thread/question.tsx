/** What a person wrote, on its way or there, and how it is changed. */

import { type KeyboardEvent, memo, useEffect, useLayoutEffect, useRef, useState } from "react";
import { Link, useLocation } from "wouter";
import { usePathname } from "wouter/use-browser-location";
import { SignInAgain } from "../account/ended.tsx";
import { doorTo } from "../address.ts";
import { useCompany } from "../sharing/company.ts";
import { takeBack } from "../state/drafts.ts";
import { writtenText } from "../state/hear.ts";
import { useMe } from "../state/hooks.ts";
import { type Pending, remove } from "../state/outbox.ts";
import type { Node } from "../state/tree.ts";
import { retry, send } from "../state/turns.ts";
import { Button, IconButton } from "../ui/button.tsx";
import { CopyButton } from "../ui/copy-button.tsx";
import { Pencil, Warning } from "../ui/icons.tsx";
import { composes } from "../ui/keys.ts";
import { Siblings } from "./siblings.tsx";

const FOLDED_PX = 320;

/** The text as it was written; a very long one is folded. */
function Written({ text }: { text: string }) {
  const box = useRef<HTMLDivElement>(null);
  const [long, setLong] = useState(false);
  const [open, setOpen] = useState(false);
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is measured when the text changes
  useLayoutEffect(() => setLong(box.current!.scrollHeight > FOLDED_PX + 60), [text]);
  return (
    <>
      <div
        ref={box}
        data-testid="message-text"
        className={`text-base leading-[1.65] font-[560] tracking-[-0.006em] break-words whitespace-pre-wrap ${long && !open ? "max-h-80 overflow-hidden [mask-image:linear-gradient(#000_70%,transparent)]" : ""}`}
      >
        {text}
      </div>
      {long && (
        <button
          type="button"
          aria-expanded={open}
          onClick={() => setOpen(!open)}
          className="mt-1 rounded text-sm text-accent hover:underline"
        >
          {open ? "Show less" : "Show all of it"}
        </button>
      )}
    </>
  );
}

function Author({ name }: { name: string }) {
  return (
    <p data-testid="author" className="text-[0.8125rem] leading-6 font-medium text-accent">
      {name}
    </p>
  );
}

/** The node on the thread that stands for a person's turn. */
function Knot() {
  return (
    <span
      aria-hidden="true"
      className="absolute top-[0.55rem] -left-6 size-[9px] rounded-full border-2 border-accent bg-paper sm:-left-8"
    />
  );
}

interface Props {
  conversation: string;
  node: Node;
  model: string | null;
}

export const Question = memo(function Question({ conversation, node, model }: Props) {
  const { message } = node;
  const [editing, setEditing] = useState(false);
  const text = writtenText(message);
  const company = useCompany();
  const author = company.nameOf(message);
  const its = author ? "the" : "your";
  const onSend = (edited: string) => {
    setEditing(false);
    send({ conversation, text: edited, model, under: message.parent_id, edits: message.id });
  };
  return (
    <article
      data-testid="message"
      data-role="user"
      data-message-id={message.id}
      data-status={message.status}
      aria-label={author ?? "You"}
      className="group relative"
    >
      <Knot />
      {author && <Author name={author} />}
      {editing ? (
        <Editor text={text} onSend={onSend} onCancel={() => setEditing(false)} />
      ) : (
        <>
          <Written text={text} />
          <div className="-ml-1.5 flex h-8 touch:h-10 items-center gap-0.5">
            <Siblings conversation={conversation} node={node} />
            <div className="flex gap-0.5 opacity-0 transition-opacity group-focus-within:opacity-100 group-hover:opacity-100 touch:opacity-100">
              <CopyButton testId="copy" label={`Copy ${its} message`} text={() => text} />
              {company.role !== "observer" && (
                <IconButton
                  data-testid="edit"
                  size="small"
                  label={`Edit ${its} message`}
                  onClick={() => setEditing(true)}
                >
                  <Pencil />
                </IconButton>
              )}
            </div>
          </div>
        </>
      )}
    </article>
  );
});

interface EditorProps {
  text: string;
  onSend(text: string): void;
  onCancel(): void;
}

function Editor({ text, onSend, onCancel }: EditorProps) {
  const [value, setValue] = useState(text);
  const area = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    area.current!.focus();
    area.current!.setSelectionRange(text.length, text.length);
  }, [text]);
  const ready = value.trim() !== "" && value.trim() !== text.trim();
  const onKeyDown = (event: KeyboardEvent) => {
    if (composes(event.nativeEvent)) return;
    if (event.key === "Escape") {
      event.preventDefault();
      onCancel();
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      if (ready) onSend(value.trim());
    }
  };
  return (
    <div className="mb-3 rounded-2xl border border-line bg-raised p-3 shadow-float">
      <textarea
        ref={area}
        data-testid="edit-field"
        aria-label="Edit your message"
        value={value}
        onChange={(event) => setValue(event.target.value)}
        onKeyDown={onKeyDown}
        className="[field-sizing:content] max-h-[50dvh] min-h-16 w-full resize-none bg-transparent px-1.5 py-1 leading-relaxed outline-none"
      />
      <div className="mt-1 flex items-center justify-end gap-2">
        <span className="grow px-1.5 text-xs text-faint">The earlier version stays, with its answers.</span>
        <Button onClick={onCancel}>Cancel</Button>
        <Button
          look="primary"
          data-testid="edit-send"
          disabled={!ready}
          title={ready ? undefined : "Change something first"}
          onClick={() => onSend(value.trim())}
        >
          Send
        </Button>
      </div>
    </div>
  );
}

/** A message that the server has not acknowledged yet. */
export const OnItsWay = memo(function OnItsWay({ pending, waits }: { pending: Pending; waits: boolean }) {
  const failed = pending.state === "failed";
  const [, navigate] = useLocation();
  const again = () => {
    const conversation = retry(pending);
    if (conversation !== pending.conversation) navigate(`/chat/${conversation}`);
  };
  const edit = () => {
    remove(pending.key);
    takeBack(pending.conversation, pending.text);
    document.getElementById("composer")?.focus();
  };
  return (
    <article
      data-testid="message"
      data-role="user"
      data-message-id={pending.key}
      data-status={pending.state}
      aria-label="You"
      className="relative"
    >
      <Knot />
      <div className={failed ? "" : "opacity-70"}>
        <Written text={pending.text} />
      </div>
      {failed ? (
        <Failed pending={pending} onEdit={edit} onAgain={again} />
      ) : (
        <p role="status" className="mt-0.5 flex min-h-8 items-center gap-3 text-xs text-faint">
          {waits ? "Waiting for the server…" : "Sending…"}
          {waits && (
            <Button data-testid="take-back" onClick={edit}>
              Edit
            </Button>
          )}
        </p>
      )}
    </article>
  );
});

/** Who is registered may send more than a guest. */
function MoreForMembers() {
  const { data: me } = useMe();
  const path = usePathname();
  if (me?.kind !== "guest") return null;
  return (
    <Link
      href={doorTo("/register", path)}
      className="inline-flex h-8 items-center rounded-lg bg-accent px-3 text-[0.8125rem] font-medium text-accent-ink hover:opacity-90 touch:h-10"
    >
      Register
    </Link>
  );
}

interface FailedProps {
  pending: Pending;
  onEdit(): void;
  onAgain(): void;
}

function Failed({ pending, onEdit, onAgain }: FailedProps) {
  return (
    <div
      data-testid="error"
      role="alert"
      className="my-3 flex flex-wrap items-center gap-x-3 gap-y-2 rounded-xl bg-danger-soft px-4 py-3 text-sm"
    >
      <Warning className="size-[1.15rem] shrink-0 text-danger" />
      <span className="min-w-48 grow break-words">{pending.error ?? "This message was not sent."}</span>
      <Button className="bg-raised" onClick={() => remove(pending.key)}>
        Discard
      </Button>
      <Button className="bg-raised" data-testid="take-back" onClick={onEdit}>
        Edit
      </Button>
      {pending.signIn && <SignInAgain place={`/chat/${encodeURIComponent(pending.conversation)}`} />}
      {pending.limited && <MoreForMembers />}
      <Button className="bg-raised" data-testid="retry" onClick={onAgain}>
        Retry
      </Button>
    </div>
  );
}
