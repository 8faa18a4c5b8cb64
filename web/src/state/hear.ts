/** What events of the feed, and the ends of answers, change in what the page knows. */

import { isText } from "../protocol/events.ts";
import {
  type Conversation,
  type FeedEvent,
  isActive,
  type Message,
  type MessageAdded,
  type Run,
} from "../protocol/types.ts";
import {
  answerOf,
  keys,
  type Lists,
  type Messages,
  mapConversations,
  removeConversation,
  settleRun,
  statusOfConversation,
  statusOfRun,
  upsertConversation,
  upsertMessage,
} from "./cache.ts";
import { setDraft } from "./drafts.ts";
import { roleIn } from "./ours.ts";
import { endOf, type RunView } from "./runs.ts";
import { api, feed, journal, queries, runs } from "./services.ts";
import { Store } from "./store.ts";

/** The conversation that was deleted last, here or elsewhere: whoever shows it leaves. */
export const lastDeleted = new Store<string | null>(null);

/** Conversations of others that may not be read any more: who shows one is told so. */
export const shut = new Store<ReadonlySet<string>>(new Set());

/** Conversations of others that one leaves oneself. */
const leaving = new Set<string>();

/** The run of which the end was told last. */
export const lastEnded = new Store<string | null>(null);

/** Branches chosen here whose storing is under way: the server's older word does not undo them. */
export const choosing = new Map<string, number>();

export function editMessages(id: string, change: (data: Messages) => Messages): void {
  journal.change({ queryKey: keys.messages(id), exact: true }, change);
}

export function hear(event: FeedEvent): void {
  if (event.type === "conversation.deleted") forget(event.id);
  else if ("conversation" in event) hearOfConversation(event.conversation, event.type);
  else if ("run" in event) hearOfRun(event.run);
  else if (event.type === "message.added") hearOfMessage(event);
}

feed.onEvent = hear;

function hearOfMessage(event: MessageAdded): void {
  const id = event.conversation_id;
  editMessages(id, (data) => upsertMessage(data, event.message));
  // A large message is told of without its parts; who shows its conversation reads them.
  if (event.truncated) void queries.invalidateQueries({ queryKey: keys.messages(id), exact: true });
}

function hearOfConversation(conversation: Conversation, type: string): void {
  const { id, leaf_id } = conversation;
  if (type === "conversation.created") welcome(id);
  const everything = keys.list("");
  journal.change<Lists>({ queryKey: everything, exact: true }, (lists) =>
    upsertConversation(lists, conversation, true),
  );
  // Whether a search finds it, only the server can say.
  journal.change<Lists>({ queryKey: keys.lists }, (lists) => upsertConversation(lists, conversation, false));
  journal.change<Conversation>({ queryKey: keys.conversation(id), exact: true }, () => conversation);
  if (!choosing.get(id)) editMessages(id, (data) => (data.leaf_id === leaf_id ? data : { ...data, leaf_id }));
}

function hearOfRun(run: Run): void {
  const id = run.conversation_id;
  const status = statusOfRun(run);
  markConversation(id, run);
  const seen = runs.known(run.id);
  const whole = seen?.finished ? { parts: seen.parts, metadata: seen.metadata } : {};
  const answer = answerOf(run, status, run.created_at ?? Date.now() / 1000);
  editMessages(id, (data) => {
    const known = data.items.some((item) => item.id === answer.id);
    return settleRun(known ? data : upsertMessage(data, answer), run.id, { status, ...whole });
  });
  if (isActive(run.status)) return;
  runs.ended(run.id);
  lastEnded.set(run.id);
}

/** A conversation streams while one of its runs does; the end of a run tells so only by its own event. */
function markConversation(id: string, run: Pick<Run, "id" | "status">): void {
  const others = queries.getQueryData<Messages>(keys.messages(id))?.items ?? [];
  const busy = isActive(run.status) || others.some((item) => isActive(item.status) && item.run_id !== run.id);
  const status = busy ? "streaming" : statusOfConversation(run.status);
  const mark = (item: Conversation): Conversation =>
    item.id === id && item.status !== status ? { ...item, status } : item;
  journal.change<Lists>({ queryKey: keys.lists }, (lists) => mapConversations(lists, mark));
  journal.change<Conversation>({ queryKey: keys.conversation(id), exact: true }, mark);
}

/** One may read it, also where one could not for a while. */
export function welcome(id: string): void {
  leaving.delete(id);
  if (lastDeleted.get() === id) lastDeleted.set(null);
  shut.set(new Set([...shut.get()].filter((one) => one !== id)));
}

/** Go away from a conversation of another. Rejects where that is refused. */
export async function leave(id: string): Promise<void> {
  leaving.add(id);
  try {
    await api.remove(id);
    forget(id);
  } catch (error) {
    leaving.delete(id);
    throw error;
  }
}

export function forget(id: string): void {
  const isShut = roleIn(id) !== "owner" && !leaving.has(id);
  journal.change<Lists>({ queryKey: keys.lists }, (lists) => removeConversation(lists, id));
  setDraft(id, "");
  if (isShut) shut.set(new Set([...shut.get(), id]));
  else lastDeleted.set(id);
  // Only once nobody shows it any more: else it would be asked for again, in vain.
  setTimeout(() => {
    queries.removeQueries({ queryKey: keys.messages(id) });
    queries.removeQueries({ queryKey: keys.conversation(id) });
  }, 500);
}

/** A run that this page followed is whole: its answer holds its parts from now on, and no list shows it as going on. */
runs.onFinish = (run: string, view: RunView) => {
  journal.change<Messages>({ queryKey: ["messages"] }, (data) => settleSeen(data, run, view));
  for (const [[, id], data] of queries.getQueriesData<Messages>({ queryKey: ["messages"] })) {
    const message = data?.items.find((item) => item.run_id === run);
    if (message && !isActive(message.status))
      markConversation(id as string, { id: run, status: endOf(view) as Run["status"] });
  }
  lastEnded.set(run);
};

/** What was seen of a finished run, written into its answer. */
export function settleSeen(data: Messages, run: string, view: RunView): Messages {
  const message = data.items.find((item) => item.run_id === run);
  if (!message) return data;
  const status = isActive(message.status) ? endOf(view) : message.status;
  return settleRun(data, run, { status, parts: view.parts, metadata: view.metadata });
}

/** The text of a message that a person wrote. */
export function writtenText(message: Message): string {
  return message.parts
    .filter(isText)
    .map((part) => part.text)
    .join("\n");
}
