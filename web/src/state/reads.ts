/** What is read from the server, and how. */

import { infiniteQueryOptions, type QueryKey, queryOptions } from "@tanstack/react-query";
import { ApiError } from "../protocol/errors.ts";
import { type Conversation, isActive, type Message, type MessagePage } from "../protocol/types.ts";
import { keys, type Messages } from "./cache.ts";
import { settleSeen } from "./hear.ts";
import { outbox } from "./outbox.ts";
import { api, feed, queries, runs } from "./services.ts";
import { begun, newConversation } from "./turns.ts";

export function listQuery(q: string) {
  return infiniteQueryOptions({
    queryKey: keys.list(q),
    queryFn: async ({ pageParam }) => {
      await feed.ready;
      return api.conversations({ q, limit: 40, ...(pageParam ? { cursor: pageParam } : {}) });
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
  });
}

export function conversationQuery(id: string) {
  return queryOptions<Conversation>({
    queryKey: keys.conversation(id),
    queryFn: async () => {
      await feed.ready;
      return (
        onlyHere(id, keys.conversation(id)) ??
        api.conversation(id).catch(unlessBegun(id, () => newConversation(id, null)))
      );
    },
  });
}

export function messagesQuery(id: string) {
  return queryOptions<Messages>({
    queryKey: keys.messages(id),
    queryFn: async () =>
      onlyHere(id, keys.messages(id)) ??
      readMessages(id).catch(unlessBegun<Messages>(id, () => ({ items: [], leaf_id: null }))),
    structuralSharing: false,
  });
}

/** All messages of a conversation, every branch. */
async function readMessages(id: string): Promise<Messages> {
  await feed.ready;
  const items: Message[] = [];
  let page: MessagePage;
  let cursor: string | undefined;
  do {
    page = await api.messages(id, cursor);
    items.push(...page.items);
    cursor = page.next ?? undefined;
  } while (cursor);
  return settled({ items, leaf_id: page.leaf_id });
}

/** An answer that this page saw end has ended, whatever the server knew when it was asked. */
function settled(data: Messages): Messages {
  let now = data;
  for (const { run_id, status } of data.items) {
    const seen = run_id !== null && isActive(status) ? runs.known(run_id) : undefined;
    if (seen?.finished) now = settleSeen(now, run_id!, seen);
  }
  return now;
}

/** What this page knows of a conversation that nobody else does: a server that is asked for it has nothing. */
function onlyHere<T>(id: string, key: QueryKey): T | undefined {
  return begun.has(id) ? queries.getQueryData<T>(key) : undefined;
}

/** What a conversation is while its first message is still on its way: the server does not know it yet. */
function unlessBegun<T>(id: string, empty: () => T): (error: unknown) => T {
  return (error) => {
    const begun = outbox.get().some((item) => item.conversation === id);
    if (begun && error instanceof ApiError && error.status === 404) return empty();
    throw error;
  };
}
