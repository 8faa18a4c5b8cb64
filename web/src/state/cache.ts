/** What the page knows of the server's lists, and the pure changes that events make to it. */

import { type InfiniteData, QueryClient } from "@tanstack/react-query";
import { ApiError } from "../protocol/errors.ts";
import type { Part } from "../protocol/events.ts";
import {
  type Conversation,
  type ConversationStatus,
  isActive,
  type Message,
  type MessageStatus,
  type Page,
  type Run,
  type RunStatus,
} from "../protocol/types.ts";

export interface Messages {
  items: Message[];
  leaf_id: string | null;
}

export type Lists = InfiniteData<Page<Conversation>>;

export const keys = {
  models: ["models"] as const,
  me: ["me"] as const,
  lists: ["conversations"] as const,
  list: (q: string) => ["conversations", q] as const,
  conversation: (id: string) => ["conversation", id] as const,
  messages: (id: string) => ["messages", id] as const,
};

export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        // The feed keeps everything fresh, so nothing is asked twice.
        staleTime: Number.POSITIVE_INFINITY,
        gcTime: 15 * 60_000,
        refetchOnWindowFocus: false,
        refetchOnReconnect: false,
        // Our own connection tells whether there is a network; a browser's guess would hold requests back.
        networkMode: "always",
        retry: (count, error) => error instanceof ApiError && error.retryable && count < 8,
        retryDelay: (count) => Math.min(300 * 2 ** count, 4000),
      },
      mutations: { networkMode: "always" },
    },
  });
}

/** Put a conversation where its last activity belongs: newest first. */
export function upsertConversation(lists: Lists, conversation: Conversation, insert: boolean): Lists {
  // A list may have been read after this was told, and then knows of a later activity.
  const merged = ({ updated_at }: Conversation): Conversation => ({
    ...conversation,
    updated_at: Math.max(updated_at, conversation.updated_at),
  });
  const known = lists.pages.some((page) => page.items.some((item) => item.id === conversation.id));
  if (!known && !insert) return lists;
  const pages = lists.pages.map((page) => ({
    ...page,
    items: page.items.map((item) => (item.id === conversation.id ? merged(item) : item)),
  }));
  if (!known && pages[0]) pages[0].items = [conversation, ...pages[0].items];
  return { ...lists, pages };
}

/** Every item through `change`; an item that it gives back as it was keeps its page as it is. */
export function mapConversations(lists: Lists, change: (item: Conversation) => Conversation): Lists {
  const pages = lists.pages.map((page) => {
    const items = page.items.map(change);
    return items.every((item, at) => item === page.items[at]) ? page : { ...page, items };
  });
  return pages.every((page, at) => page === lists.pages[at]) ? lists : { ...lists, pages };
}

export function removeConversation(lists: Lists, id: string): Lists {
  const pages = lists.pages.map((page) => ({ ...page, items: page.items.filter((item) => item.id !== id) }));
  return { ...lists, pages };
}

/** All pages as one list, each conversation once, newest activity first. */
export function flatten(lists: Lists | undefined): Conversation[] {
  const byId = new Map<string, Conversation>();
  for (const page of lists?.pages ?? [])
    for (const item of page.items) if (!byId.has(item.id)) byId.set(item.id, item);
  return [...byId.values()].sort((a, b) => b.updated_at - a.updated_at);
}

/** Add a message, or take over what is new about it; what this page saw grow is never taken back. */
export function upsertMessage(data: Messages, message: Message): Messages {
  const at = data.items.findIndex((item) => item.id === message.id);
  if (at < 0) {
    const leaf_id = message.parent_id === data.leaf_id ? message.id : data.leaf_id;
    return { leaf_id, items: [...data.items, message] };
  }
  const old = data.items[at]!;
  const merged = { ...message };
  if (merged.parts.length < old.parts.length) merged.parts = old.parts;
  if (!isActive(old.status) && isActive(merged.status)) merged.status = old.status;
  return { ...data, items: data.items.with(at, merged) };
}

export interface Outcome {
  status: MessageStatus;
  parts?: readonly Part[];
  metadata?: Readonly<Record<string, unknown>>;
}

/** The answer that a run will write, as it stands in the tree before it has a word. */
export function answerOf(
  run: Pick<Run, "id" | "message_id" | "parent_id">,
  status: MessageStatus,
  at: number,
): Message {
  return {
    id: run.message_id,
    role: "assistant",
    parts: [],
    parent_id: run.parent_id,
    created_at: at,
    metadata: {},
    status,
    run_id: run.id,
  };
}

/** What became of a run, written into its answer; nothing where the answer is not known. */
export function settleRun(data: Messages, run: string, outcome: Outcome): Messages {
  const at = data.items.findIndex((item) => item.run_id === run);
  if (at < 0) return data;
  const old = data.items[at]!;
  // Events of the feed and of the stream cross: an ended run does not start again.
  const status = !isActive(old.status) && isActive(outcome.status) ? old.status : outcome.status;
  const parts = outcome.parts ? [...outcome.parts] : old.parts;
  const metadata = outcome.metadata ? { ...old.metadata, ...outcome.metadata } : old.metadata;
  return { ...data, items: data.items.with(at, { ...old, status, parts, metadata }) };
}

/** What a list shows of a conversation whose newest run has ended so. */
export function statusOfConversation(ended: RunStatus): ConversationStatus {
  return ended === "error" || ended === "interrupted" ? "error" : "completed";
}

export function statusOfRun(run: Run): MessageStatus {
  return run.status === "running" ? "streaming" : run.status;
}
