/** What a person can do in a conversation: send, edit, ask again, stop, choose a branch. */

import { type ChatRequest, NOT_OURS, wordsOf } from "../protocol/api.ts";
import { ApiError } from "../protocol/errors.ts";
import type { Conversation, Me, Message, Submitted } from "../protocol/types.ts";
import { isActive } from "../protocol/types.ts";
import { answerOf, keys, type Messages, upsertMessage } from "./cache.ts";
import { takeChoices } from "./choices.ts";
import { takeBack } from "./drafts.ts";
import { choosing, editMessages, writtenText } from "./hear.ts";
import { readAgain } from "./journal.ts";
import { roleIn } from "./ours.ts";
import { outbox, type Pending, put, remove, update } from "./outbox.ts";
import { patiently } from "./patience.ts";
import { api, endedSession, queries, renewSession } from "./services.ts";
import { uuid } from "./store.ts";
import { allBelow, newestLeaf, treeOf } from "./tree.ts";
import { arranged, wish } from "./wishes.ts";

/** Send what a reload interrupted once more; the server knows it by its key. What waits for its user goes with them. */
export function resumeOutbox(): void {
  for (const pending of outbox.get()) if (pending.state === "sending") deliver(pending);
  if (!outbox.get().some(({ signIn }) => signIn)) return;
  const back = ({ id }: Me) => {
    for (const pending of outbox.get()) if (pending.signIn === id) retry(pending);
  };
  api.me().then(back, () => {});
}

export interface NewMessage extends Pick<Pending, "settings" | "defaults"> {
  conversation: string;
  text: string;
  model: string | null;
  under: string | null;
  parentId?: string | null;
  edits?: string | null;
}

export function send(message: NewMessage): void {
  const pending: Pending = {
    parentId: null,
    edits: null,
    ...message,
    ...takeChoices(message.conversation),
    key: uuid(),
    state: "sending",
    error: null,
    at: Date.now() / 1000,
  };
  put(pending);
  deliver(pending);
}

/** A conversation that only this page knows yet. */
export function newConversation(id: string, model: string | null): Conversation {
  const at = Date.now() / 1000;
  return { id, title: null, status: "streaming", model, leaf_id: null, created_at: at, updated_at: at };
}

/** Conversations of which the server does not have the first message yet, as far as this page knows. */
export const begun = new Set<string>();

/** Make the id of a new conversation, known here before the server knows it. */
export function beginConversation(model: string | null): string {
  const id = uuid();
  begun.add(id);
  queries.setQueryData(keys.conversation(id), newConversation(id, model));
  queries.setQueryData<Messages>(keys.messages(id), { items: [], leaf_id: null });
  return id;
}

const UNTRIED = {
  state: "sending",
  waits: false,
  error: null,
  elsewhere: false,
  signIn: undefined,
  limited: false,
} as const;

/** Try once more. Returns the conversation that the message is in now. */
export function retry(pending: Pending): string {
  if (pending.elsewhere) return sendAnew(pending);
  const again: Pending = { ...pending, ...UNTRIED };
  update(again);
  deliver(again);
  return pending.conversation;
}

function sendAnew({ key, text, model, settings, defaults }: Pending): string {
  renewSession();
  const conversation = beginConversation(model);
  send({
    conversation,
    text,
    model,
    under: null,
    ...(settings && { settings }),
    ...(defaults && { defaults }),
  });
  remove(key);
  return conversation;
}

/** The last delivery of each conversation: messages arrive in the order in which they were sent. */
const deliveries = new Map<string, Promise<void>>();

function deliver(pending: Pending): void {
  const before = deliveries.get(pending.conversation) ?? Promise.resolve();
  deliveries.set(
    pending.conversation,
    before.then(() => post(pending)),
  );
}

async function post(pending: Pending): Promise<void> {
  const request: ChatRequest = {
    id: pending.conversation,
    trigger: "submit-message",
    message: { id: pending.key, role: "user", parts: [{ type: "text", text: pending.text }] },
    ...(pending.edits ? { messageId: pending.edits } : {}),
    ...(pending.parentId ? { parentId: pending.parentId } : {}),
    ...(pending.model ? { model: pending.model } : {}),
    ...(pending.settings ? { settings: pending.settings } : {}),
  };
  // It may have been taken back meanwhile, here or in another tab.
  const wanted = () => outbox.get().some(({ key, state }) => key === pending.key && state === "sending");
  const onWait = () => update({ ...pending, waits: true });
  try {
    // A try again is safe: the message has its key.
    const submit = () => arranged(pending.conversation).then(() => api.submit(request));
    const run = await patiently(submit, { wanted, onWait });
    if (run) accepted(pending, run);
  } catch (error) {
    update({ ...pending, waits: false, state: "failed", ...(await reasonOf(error)) });
  }
}

type Reason = Pick<Pending, "error" | "elsewhere" | "signIn" | "limited">;

/** Why a message was not taken, and what helps: signing in again, a new chat, or time. */
async function reasonOf(error: unknown): Promise<Reason> {
  if (!(error instanceof ApiError)) return { error: wordsOf(error) };
  const elsewhere = error.code === NOT_OURS;
  const before = elsewhere || error.status === 401 ? await endedSession() : null;
  if (before)
    return { error: "Your session has ended. Sign in again, and your message is sent.", signIn: before.id };
  const help = elsewhere ? " Retry sends your message as a new chat." : "";
  return { error: wordsOf(error) + help, elsewhere, limited: error.kind === "rate_limited" };
}

function accepted(pending: Pending, run: Submitted): void {
  const { conversation, defaults } = pending;
  begun.delete(conversation);
  // A refusal leaves them to this message alone.
  if (defaults) wish({ kind: "settings", conversation, settings: defaults }).catch(() => {});
  const data = queries.getQueryData<Messages>(keys.messages(pending.conversation));
  if (!data || run.duplicate) {
    void readAgain(queries, { queryKey: keys.messages(pending.conversation) }).finally(() =>
      remove(pending.key),
    );
    return;
  }
  const waits = !pending.edits && !pending.parentId && data.items.some((item) => isActive(item.status));
  const user: Message = {
    id: run.parent_id,
    role: "user",
    parts: [{ type: "text", text: pending.text }],
    parent_id: placeOf(pending, data),
    client_id: pending.key,
    author_id:
      roleIn(pending.conversation) === "owner" ? null : (queries.getQueryData<Me>(keys.me)?.id ?? null),
    created_at: pending.at,
    metadata: {},
    status: "completed",
    run_id: null,
  };
  // The feed may have told of both already, and knows better.
  const known = (id: string) => data.items.some((item) => item.id === id);
  editMessages(pending.conversation, (old) => {
    const asked = known(user.id) ? old : upsertMessage(old, user);
    const answer = answerOf({ ...run, id: run.run_id }, waits ? "queued" : "streaming", pending.at);
    const both = known(answer.id) ? asked : upsertMessage(asked, answer);
    return { ...both, leaf_id: run.message_id };
  });
  remove(pending.key);
}

/** Where the server puts a message: where it was told to, else at the end, behind what is still being written. */
function placeOf(pending: Pending, data: Messages): string | null {
  if (pending.edits || pending.parentId) return pending.under;
  const tree = treeOf(data.items);
  return data.leaf_id !== null && tree.byId.has(data.leaf_id)
    ? newestLeaf(tree, data.leaf_id)
    : pending.under;
}

/** Write an answer anew, beside the old one. Rejects with the reason where it cannot. */
export async function regenerate(conversation: string, answer: Message, model: string | null): Promise<void> {
  const { settings } = takeChoices(conversation);
  const request: ChatRequest = {
    id: conversation,
    trigger: "regenerate-message",
    messageId: answer.id,
    ...(model ? { model } : {}),
    ...(settings ? { settings } : {}),
  };
  const run = await api.submit(request);
  editMessages(conversation, (data) => {
    const answer = answerOf({ ...run, id: run.run_id }, "streaming", Date.now() / 1000);
    const known = data.items.some((item) => item.id === answer.id);
    return { ...(known ? data : upsertMessage(data, answer)), leaf_id: run.message_id };
  });
}

/** Stop a run, now or as soon as the server is back. */
export function stop(conversation: string, run: string): void {
  // A refusal leaves the answer as it is, to be stopped again.
  wish({ kind: "stop", conversation, run }).catch(() => {});
}

/**
 * Take a turn back that waits for another answer, with all that waits behind it: their words can be written on, and
 * the branch ends where it did before. In the tree they stay.
 */
export function cancel(conversation: string, answer: Message): void {
  const tree = treeOf(queries.getQueryData<Messages>(keys.messages(conversation))?.items ?? []);
  const versions = tree.children.get(answer.parent_id) ?? [];
  const before = versions[versions.findIndex(({ id }) => id === answer.id) - 1];
  const question = tree.byId.get(answer.parent_id ?? "");
  // One that is written anew goes back to its version before; else its question goes with it.
  const from = before ? answer : question;
  const leaf = before ? newestLeaf(tree, before.id) : question?.parent_id;
  if (!from || !leaf) {
    if (answer.run_id) stop(conversation, answer.run_id);
    return;
  }
  const gone = allBelow(tree, from.id);
  const waiting = gone.flatMap(({ run_id, status }) => (run_id && isActive(status) ? [run_id] : []));
  const words = gone.filter(({ role }) => role === "user").map(writtenText);
  if (words.length > 0) takeBack(conversation, words.join("\n\n"));
  editMessages(conversation, (old) => ({ ...old, leaf_id: leaf }));
  void choosingHere(conversation, () =>
    wish({
      kind: "cancel",
      conversation,
      runs: waiting.reverse(),
      messages: gone.map(({ id }) => id),
      leaf,
    }),
  );
}

/** Show another sibling, with the newest of what follows it; its owner's choice is kept with the conversation. */
export async function choose(conversation: string, sibling: Message): Promise<void> {
  const data = queries.getQueryData<Messages>(keys.messages(conversation));
  if (!data) return;
  const leaf_id = newestLeaf(treeOf(data.items), sibling.id);
  editMessages(conversation, (old) => ({ ...old, leaf_id }));
  if (roleIn(conversation) !== "owner") return;
  await choosingHere(conversation, () => api.change(conversation, { leaf_id }));
}

/** Tell the server of a choice; until it has heard of it, its own word does not undo the choice. */
async function choosingHere(conversation: string, tell: () => Promise<unknown>): Promise<void> {
  choosing.set(conversation, (choosing.get(conversation) ?? 0) + 1);
  try {
    await tell();
  } catch {
    // What is shown here stays; only its remembering failed.
  } finally {
    choosing.set(conversation, choosing.get(conversation)! - 1);
  }
}
