/** The page's one connection, cache and stores, and how they hear of changes. */

import { Api } from "../protocol/api.ts";
import { isText } from "../protocol/events.ts";
import { Live } from "../protocol/live.ts";
import {
  type Conversation,
  type FeedEvent,
  isActive,
  type Message,
  type MessagePage,
  type Run,
} from "../protocol/types.ts";
import {
  answerOf,
  keys,
  type Lists,
  type Messages,
  makeQueryClient,
  mapConversations,
  removeConversation,
  settleRun,
  statusOfRun,
  upsertConversation,
  upsertMessage,
} from "./cache.ts";
import { endOf, Runs, type RunView } from "./runs.ts";
import { keep, Store } from "./store.ts";

export const api = new Api();
export const queries = makeQueryClient();
export const live = new Live({ base: location.origin });
export const runs = new Runs(live);

/** The conversation that was deleted last, here or elsewhere: whoever shows it leaves. */
export const lastDeleted = new Store<string | null>(null);

const FEED_FIRST_MS = 600;
let feedReady: Promise<void> = Promise.resolve();

/** Begin to listen. Lists are read only after the feed is followed, so that no change falls between the two. */
export function listen(): void {
  let ready = () => {};
  let lateBy = 0;
  feedReady = new Promise<void>((resolve) => {
    ready = resolve;
    setTimeout(() => {
      lateBy = 1;
      resolve();
    }, FEED_FIRST_MS);
  });
  void api.me().then(() => {
    live.attach(document, window);
    live.follow<FeedEvent>("feed", undefined, {
      onReady: (fromNow) => {
        if (fromNow && lateBy > 0) void queries.invalidateQueries();
        lateBy++;
        ready();
      },
      onEvents: (events) => {
        for (const event of events) hear(event);
      },
    });
  }, ready);
}

/** All messages of a conversation, every branch. */
export async function readMessages(id: string): Promise<Messages> {
  await feedReady;
  const items: Message[] = [];
  let page: MessagePage;
  let cursor: string | undefined;
  do {
    page = await api.messages(id, cursor);
    items.push(...page.items);
    cursor = page.next ?? undefined;
  } while (cursor);
  return { items, leaf_id: page.leaf_id };
}

export async function readConversations(q: string, cursor: string | undefined) {
  await feedReady;
  return api.conversations({ q, limit: 40, ...(cursor ? { cursor } : {}) });
}

export function editMessages(id: string, change: (data: Messages) => Messages): void {
  queries.setQueryData<Messages>(keys.messages(id), (data) => data && change(data));
}

/** Branches chosen here whose storing is under way: the server's older word does not undo them. */
export const choosing = new Map<string, number>();

export function hear(event: FeedEvent): void {
  if (event.type === "conversation.deleted") {
    forget(event.id);
    return;
  }
  const id =
    "conversation" in event
      ? event.conversation.id
      : "run" in event
        ? event.run.conversation_id
        : event.conversation_id;
  if ("conversation" in event) {
    const { conversation } = event;
    queries.setQueriesData<Lists>(
      { queryKey: keys.lists },
      (lists) => lists && upsertConversation(lists, conversation, false),
    );
    queries.setQueryData<Lists>(
      keys.list(""),
      (lists) => lists && upsertConversation(lists, conversation, true),
    );
    queries.setQueryData(keys.conversation(id), conversation);
    if (!choosing.get(id)) {
      editMessages(id, (data) =>
        data.leaf_id === conversation.leaf_id ? data : { ...data, leaf_id: conversation.leaf_id },
      );
    }
  } else if (event.type === "message.added") {
    editMessages(id, (data) => upsertMessage(data, event.message));
  } else {
    const { run } = event;
    const status = statusOfRun(run);
    markConversation(id, run);
    const seen = runs.known(run.id);
    const whole = seen?.finished ? { parts: seen.parts, metadata: seen.metadata } : {};
    editMessages(id, (data) => {
      const answer = answerOf(run, status, run.created_at ?? Date.now() / 1000);
      const known = data.items.some((item) => item.id === answer.id);
      return settleRun(known ? data : upsertMessage(data, answer), run.id, { status, ...whole });
    });
  }
}

/** A conversation streams while one of its runs does; the end of a run tells so only by its own event. */
function markConversation(id: string, run: Run): void {
  const others = queries.getQueryData<Messages>(keys.messages(id))?.items ?? [];
  const busy = isActive(run.status) || others.some((item) => isActive(item.status) && item.run_id !== run.id);
  const status = busy ? "streaming" : run.status === "error" ? "error" : "completed";
  const mark = (item: Conversation): Conversation =>
    item.id === id && item.status !== status ? { ...item, status } : item;
  queries.setQueriesData<Lists>({ queryKey: keys.lists }, (lists) => lists && mapConversations(lists, mark));
  queries.setQueryData<Conversation>(keys.conversation(id), (item) => item && mark(item));
}

export function forget(id: string): void {
  queries.setQueriesData<Lists>({ queryKey: keys.lists }, (lists) => lists && removeConversation(lists, id));
  keep(`draft:${id}`, null);
  lastDeleted.set(id);
  // Only once nobody shows it any more: else it would be asked for again, in vain.
  setTimeout(() => {
    queries.removeQueries({ queryKey: keys.messages(id) });
    queries.removeQueries({ queryKey: keys.conversation(id) });
  }, 500);
}

/** A run that this page followed is whole: its answer holds its parts from now on. */
runs.onFinish = (run: string, view: RunView) => {
  for (const [key] of queries.getQueriesData<Messages>({ queryKey: ["messages"] })) {
    queries.setQueryData<Messages>(key, (data) => {
      const message = data?.items.find((item) => item.run_id === run);
      if (!data || !message) return data;
      const status = isActive(message.status) ? endOf(view) : message.status;
      return settleRun(data, run, { status, parts: view.parts, metadata: view.metadata });
    });
  }
};

/** The text of a message that a person wrote. */
export function writtenText(message: Message): string {
  return message.parts
    .filter(isText)
    .map((part) => part.text)
    .join("\n");
}
