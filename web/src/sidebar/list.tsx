/** The conversations by day, more of them as one scrolls. */

import { useEffect, useMemo, useRef, useState } from "react";
import { wordsOf } from "../protocol/api.ts";
import type { Conversation } from "../protocol/types.ts";
import { flatten } from "../state/cache.ts";
import { groupByDay } from "../state/groups.ts";
import { useConversations } from "../state/hooks.ts";
import { useAway } from "../ui/away.ts";
import { Button } from "../ui/button.tsx";
import { ConversationItem } from "./item.tsx";

interface Props {
  q: string;
  active: string | null;
  onOpen?: (() => void) | undefined;
}

/** Today's date, anew after midnight. */
function useToday(): Date {
  const [today, setToday] = useState(() => new Date());
  useEffect(() => {
    const midnight = new Date(today.getFullYear(), today.getMonth(), today.getDate() + 1).getTime();
    const timer = setTimeout(() => setToday(new Date()), midnight - Date.now() + 1_000);
    return () => clearTimeout(timer);
  }, [today]);
  return today;
}

/** What is to be listed. A search that waits for the server is made here, in what was listed before it. */
function useListed(q: string) {
  const query = useConversations(q);
  const waits = useAway() && q !== "" && (query.isPlaceholderData || query.isError);
  const items = useMemo(() => {
    const known = flatten(query.data);
    return waits ? known.filter((item) => calls(item, q)) : known;
  }, [query.data, waits, q]);
  return { query, waits, items };
}

export function ConversationList({ q, active, onOpen }: Props) {
  const { query, waits, items } = useListed(q);
  const today = useToday();
  const groups = useMemo(() => groupByDay(items, today), [items, today]);
  return (
    <nav
      aria-label="Conversations"
      data-testid="conversation-list"
      className="min-h-0 grow overflow-y-auto overscroll-contain px-2.5 pb-4"
    >
      {query.isPending && <ListSkeleton />}
      {waits && (
        <p role="status" className="px-2 pt-4 text-sm text-faint">
          The search waits for the server.{items.length > 0 && " Known here:"}
        </p>
      )}
      {query.isError && !waits && items.length === 0 && (
        <div role="alert" className="space-y-2 px-2 py-4 text-sm text-soft">
          <p>{wordsOf(query.error)}</p>
          <Button onClick={() => void query.refetch()}>Try again</Button>
        </div>
      )}
      {query.isSuccess && !waits && items.length === 0 && (
        <p className="px-2 py-4 text-sm text-faint">
          {q ? `Nothing is called “${q}”.` : "Your conversations will be listed here."}
        </p>
      )}
      {groups.map((group) => (
        <section key={group.label} aria-label={group.label}>
          <h2 className="px-2 pt-4 pb-1.5 text-xs font-medium text-faint">{group.label}</h2>
          <ul className="space-y-px">
            {group.items.map((conversation) => (
              <ConversationItem
                key={conversation.id}
                conversation={conversation}
                active={conversation.id === active}
                onOpen={onOpen}
              />
            ))}
          </ul>
        </section>
      ))}
      {query.hasNextPage && !waits && (
        <More busy={query.isFetchingNextPage} onSeen={() => void query.fetchNextPage()} />
      )}
    </nav>
  );
}

/** As the server finds it. */
function calls({ title }: Conversation, q: string): boolean {
  return (title ?? "").toLowerCase().includes(q.toLowerCase());
}

function More({ busy, onSeen }: { busy: boolean; onSeen(): void }) {
  const mark = useRef<HTMLDivElement>(null);
  const seen = useRef(onSeen);
  seen.current = onSeen;
  useEffect(() => {
    if (busy) return;
    const observer = new IntersectionObserver(
      (entries) => entries.some((entry) => entry.isIntersecting) && seen.current(),
      {
        rootMargin: "300px",
      },
    );
    observer.observe(mark.current!);
    return () => observer.disconnect();
  }, [busy]);
  return (
    <div ref={mark} className="py-3 text-center text-xs text-faint">
      {busy ? "Loading more…" : " "}
    </div>
  );
}

function ListSkeleton() {
  return (
    <div role="status" aria-label="Loading conversations" className="space-y-3 px-2 pt-5">
      {[70, 88, 54, 76, 62].map((width) => (
        <div key={width} className="shimmer h-4" style={{ width: `${width}%` }} />
      ))}
    </div>
  );
}
