/** One conversation in the list: open it; rename it in place, share it and delete it, or leave another's. */

import { memo, type RefObject, Suspense, useRef, useState } from "react";
import { Link } from "wouter";
import type { Conversation } from "../protocol/types.ts";
import { ShareDialog } from "../sharing/share-button.tsx";
import { sharedWords } from "../sharing/words.ts";
import { forget, leave } from "../state/hear.ts";
import { api } from "../state/services.ts";
import { useWishedTitle } from "../state/wishes.ts";
import { useAway } from "../ui/away.ts";
import { Confirm } from "../ui/confirm.tsx";
import { Dots, Leave, Pencil, People, Trash, Warning } from "../ui/icons.tsx";
import { type Kit, loadKit, useKit } from "../ui/kit.ts";
import { Rename } from "./rename.tsx";

interface Props {
  conversation: Conversation;
  active: boolean;
  onOpen?: (() => void) | undefined;
}

export const ConversationItem = memo(function ConversationItem({ conversation, active, onOpen }: Props) {
  const [renaming, setRenaming] = useState(false);
  const [asked, setAsked] = useState<Ask | null>(null);
  const wished = useWishedTitle(conversation.id);
  const own = wished ?? conversation.title;
  const owns = (conversation.role ?? "owner") === "owner";
  const title = own || "New chat";
  const row = useRef<HTMLLIElement>(null);
  const end = () => {
    setRenaming(false);
    refocus(row);
  };
  return (
    <li
      ref={row}
      data-testid="conversation-item"
      data-conversation-id={conversation.id}
      data-status={conversation.status}
      className={`group relative flex h-9 touch:h-11 items-center rounded-lg ${active ? "bg-active" : "hover:bg-hover"}`}
    >
      {renaming ? (
        <Rename id={conversation.id} title={own ?? ""} onDone={end} />
      ) : (
        <>
          <Link
            href={`/chat/${encodeURIComponent(conversation.id)}`}
            aria-current={active ? "page" : undefined}
            onClick={onOpen}
            onDoubleClick={() => owns && setRenaming(true)}
            className="flex h-full min-w-0 grow items-center gap-2 rounded-lg px-2 text-sm"
          >
            <Title words={title} look={`${active ? "font-medium" : ""} ${own ? "" : "text-soft"}`} />
            {wished !== undefined && <Unsaved />}
            <Marks conversation={conversation} />
          </Link>
          <ItemMenu title={title} owns={owns} onRename={() => setRenaming(true)} onAsk={setAsked} />
        </>
      )}
      {asked && (
        <Asked
          what={asked}
          conversation={conversation}
          title={title}
          row={row}
          onDone={() => setAsked(null)}
        />
      )}
    </li>
  );
});

/** What is asked about before it is done. */
type Ask = "share" | "delete" | "leave";

interface AskedProps {
  what: Ask;
  conversation: Conversation;
  title: string;
  row: RefObject<HTMLLIElement | null>;
  onDone(): void;
}

function Asked({ what, conversation: { id }, title, row, onDone }: AskedProps) {
  const onClosed = () => refocus(row);
  if (what === "share") {
    return (
      <Suspense>
        <ShareDialog id={id} onDone={onDone} onClosed={onClosed} />
      </Suspense>
    );
  }
  const end = { onDone, onClosed };
  if (what === "leave") {
    return (
      <Confirm
        title="Leave this conversation?"
        words={`“${title}” goes from your list. What you said there stays with its owner.`}
        action="Leave"
        keep="Stay"
        run={() => leave(id)}
        {...end}
      />
    );
  }
  const remove = async () => {
    await api.remove(id);
    onDone();
    forget(id);
  };
  return (
    <Confirm
      title="Delete this conversation?"
      words={`“${title}” and all of its messages will be gone for good.`}
      action="Delete"
      run={remove}
      {...end}
    />
  );
}

function Marks({ conversation }: { conversation: Conversation }) {
  return (
    <>
      <SharedMark words={sharedWords(conversation)} />
      <StatusMark status={conversation.status} />
    </>
  );
}

function SharedMark({ words }: { words: string | null }) {
  if (!words) return null;
  return (
    <span data-testid="shared" title={words} className="shrink-0 text-faint">
      <People className="size-3.5" />
      <span className="sr-only">{words}</span>
    </span>
  );
}

function Title({ words, look }: { words: string; look: string }) {
  return <span className={`min-w-0 grow truncate ${look}`}>{words}</span>;
}

/** Where the focus was lost with what had it, give it to the row; where that is gone as well, to the way to a new chat. */
function refocus(row: RefObject<HTMLLIElement | null>): void {
  requestAnimationFrame(() => {
    if (document.activeElement !== document.body) return;
    const link = row.current?.querySelector("a") ?? document.getElementById("new-chat");
    link?.focus();
  });
}

/** A new name that the server does not know yet. */
function Unsaved() {
  if (!useAway()) return null;
  const words = "The new name is saved when the server is back";
  return (
    <span title={words} className="shrink-0 text-xs text-faint italic">
      not saved yet<span className="sr-only">. {words}.</span>
    </span>
  );
}

function StatusMark({ status }: { status: Conversation["status"] }) {
  if (status === "streaming") {
    return (
      <span className="mr-1 grid size-4 place-items-center">
        <span aria-hidden="true" className="size-2 animate-pulse rounded-full bg-accent" />
        <span className="sr-only">An answer is being written</span>
      </span>
    );
  }
  if (status !== "error") return null;
  return (
    <span className="mr-1 text-danger">
      <Warning className="size-3.5" />
      <span className="sr-only">The last answer failed</span>
    </span>
  );
}

const ENTRY =
  "flex h-8 items-center gap-2.5 rounded-md px-2.5 text-sm outline-none data-[highlighted]:bg-hover select-none";

interface EntriesProps {
  owns: boolean;
  onRename(): void;
  onAsk(what: Ask): void;
}

function Entries({ kit: { DropdownMenu }, owns, onRename, onAsk }: EntriesProps & { kit: Kit }) {
  if (!owns) {
    return (
      <DropdownMenu.Item className={`${ENTRY} text-danger`} onSelect={() => onAsk("leave")}>
        <Leave className="size-4" />
        Leave
      </DropdownMenu.Item>
    );
  }
  return (
    <>
      <DropdownMenu.Item className={ENTRY} onSelect={onRename}>
        <Pencil className="size-4 text-faint" />
        Rename
      </DropdownMenu.Item>
      <DropdownMenu.Item className={ENTRY} onSelect={() => onAsk("share")}>
        <People className="size-4 text-faint" />
        Share
      </DropdownMenu.Item>
      <DropdownMenu.Item className={`${ENTRY} text-danger`} onSelect={() => onAsk("delete")}>
        <Trash className="size-4" />
        Delete
      </DropdownMenu.Item>
    </>
  );
}

function ItemMenu({ title, owns, onRename, onAsk }: EntriesProps & { title: string }) {
  const kit = useKit();
  const [wanted, setWanted] = useState(false);
  const chosen = useRef(false);
  const choose = (then: () => void) => {
    chosen.current = true;
    then();
  };
  const trigger = {
    "data-testid": "conversation-menu",
    "aria-label": `More for “${title}”`,
    "aria-haspopup": "menu" as const,
    className:
      "mr-1 grid size-7 touch:size-10 shrink-0 place-items-center rounded-md text-faint opacity-0 group-hover:opacity-100 hover:bg-hover hover:text-ink focus-visible:opacity-100 data-[state=open]:opacity-100 touch:opacity-100",
    children: <Dots className="size-4 [stroke-width:2.4]" />,
  };
  const ask = () => {
    setWanted(true);
    loadKit();
  };
  if (!kit) return <button type="button" onClick={ask} {...trigger} />;
  const { DropdownMenu } = kit;
  return (
    <DropdownMenu.Root modal={false} defaultOpen={wanted}>
      <DropdownMenu.Trigger {...trigger} />
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          align="end"
          sideOffset={4}
          onCloseAutoFocus={(event) => {
            // What an entry opens takes the focus itself; else it goes back to the row.
            if (chosen.current) event.preventDefault();
            chosen.current = false;
          }}
          className="float-in z-[60] min-w-40 rounded-xl border border-line bg-raised p-1 shadow-float"
        >
          <Entries
            kit={kit}
            owns={owns}
            onRename={() => choose(onRename)}
            onAsk={(what) => choose(() => onAsk(what))}
          />
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}
