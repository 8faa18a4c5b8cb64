/** All conversations: a new one, search by title, and the list by day. */

import { useEffect, useState } from "react";
import { Link } from "wouter";
import { AccountMenu } from "../account/menu.tsx";
import { IconButton } from "../ui/button.tsx";
import { Close, Mark, NewChat, Panel, Search } from "../ui/icons.tsx";
import { composes } from "../ui/keys.ts";
import { ThemeToggle } from "../ui/theme.tsx";
import { ConversationList } from "./list.tsx";

interface Props {
  active: string | null;
  onHide(): void;
  /** A place was chosen; a drawer closes then. */
  onLeave?: () => void;
}

const TYPING_MS = 180;

export function Sidebar({ active, onHide, onLeave }: Props) {
  const [query, setQuery] = useState("");
  const [q, setQ] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => setQ(query.trim()), query ? TYPING_MS : 0);
    return () => clearTimeout(timer);
  }, [query]);
  return (
    <div className="flex h-full flex-col">
      <div className="flex h-14 shrink-0 items-center gap-2 pr-2.5 pl-4">
        <Mark className="size-6" />
        <span className="grow text-[0.9375rem] font-semibold tracking-tight">Threadline</span>
        <IconButton label="Hide conversations" onClick={onHide}>
          <Panel className="size-[1.15rem]" />
        </IconButton>
      </div>
      <div className="shrink-0 space-y-2 px-2.5 pb-2">
        <Link
          href="/"
          id="new-chat"
          data-testid="new-chat"
          onClick={onLeave}
          className="flex h-9 items-center gap-2.5 rounded-lg border border-line bg-raised px-3 text-sm font-medium shadow-[0_1px_2px_rgb(60_50_30/0.05)] transition-colors hover:border-thread"
        >
          <NewChat className="size-[1.05rem] text-accent" />
          New chat
        </Link>
        <SearchField value={query} onChange={setQuery} />
      </div>
      <ConversationList q={q} active={active} onOpen={onLeave} />
      <Footer onLeave={onLeave} />
    </div>
  );
}

function SearchField({ value, onChange }: { value: string; onChange(value: string): void }) {
  return (
    <div className="relative">
      <Search className="pointer-events-none absolute top-2.5 left-3 size-4 touch:top-3 text-faint" />
      <input
        type="search"
        aria-label="Search conversations by title"
        placeholder="Search titles"
        value={value}
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== "Escape" || !value || composes(event.nativeEvent)) return;
          // This Escape is for the field, not for the answer that may be written meanwhile.
          event.preventDefault();
          onChange("");
        }}
        className="h-9 touch:h-10 w-full rounded-lg bg-hover pr-8 touch:pr-10 pl-9 text-sm placeholder:text-faint [&::-webkit-search-cancel-button]:hidden"
      />
      {value && (
        <IconButton
          size="small"
          label="Clear the search"
          className="!absolute top-1 right-1 touch:top-0 touch:right-0"
          onClick={() => onChange("")}
        >
          <Close className="size-3.5" />
        </IconButton>
      )}
    </div>
  );
}

function Footer({ onLeave }: Pick<Props, "onLeave">) {
  return (
    <div className="flex h-14 shrink-0 items-center gap-1 border-t border-line px-2.5">
      <AccountMenu onLeave={onLeave} />
      <ThemeToggle />
    </div>
  );
}
