/** Messages that the server has not acknowledged, kept in the browser one by one: tabs share them. */

import type { AnswerSettings } from "../protocol/types.ts";
import { keep, kept, recallJson, Store } from "./store.ts";

export interface Pending {
  /** The client's own id of the message, under which a second try is the same message. */
  key: string;
  conversation: string;
  text: string;
  model: string | null;
  /** The message below which it is shown; null: it begins the conversation. */
  under: string | null;
  /** Answer below this message rather than at the conversation's end. */
  parentId: string | null;
  /** The message that this one is an edit of. */
  edits: string | null;
  /** How this one is to be answered. */
  settings?: AnswerSettings;
  /** How all of the conversation that it begins are. */
  defaults?: AnswerSettings;
  state: "sending" | "failed";
  /** The server is away; it is sent as soon as that is back. */
  waits?: boolean;
  error: string | null;
  /** The conversation is not this session's: another try begins a new one. */
  elsewhere?: boolean;
  /** The session of this user ended before it could be sent; it goes once they have signed in again. */
  signIn?: string | undefined;
  /** So much may not be sent for now. */
  limited?: boolean;
  /** Unix seconds. */
  at: number;
}

const NAME = "outbox:";

function load(): Pending[] {
  const found = kept(NAME).flatMap((name) => recallJson<Pending>(name) ?? []);
  return found.sort((a, b) => a.at - b.at);
}

export const outbox = new Store<Pending[]>(load());

/** What the browser has of ours; where it keeps nothing, nothing is missed there either. */
const stored = new Set(outbox.get().map((item) => item.key));

function write(pending: Pending): void {
  if (keep(NAME + pending.key, JSON.stringify(pending))) stored.add(pending.key);
}

export function put(pending: Pending): void {
  write(pending);
  outbox.set([...outbox.get(), pending]);
}

/** Take over what became of a message; one that is gone, from here or by another tab, does not come back. */
export function update(pending: Pending): void {
  const gone = stored.has(pending.key) && recallJson(NAME + pending.key) === null;
  if (gone) remove(pending.key);
  if (gone || !outbox.get().some((item) => item.key === pending.key)) return;
  write(pending);
  outbox.set(outbox.get().map((item) => (item.key === pending.key ? pending : item)));
}

export function remove(key: string): void {
  keep(NAME + key, null);
  drop(key);
}

function drop(key: string): void {
  stored.delete(key);
  const rest = outbox.get().filter((item) => item.key !== key);
  if (rest.length < outbox.get().length) outbox.set(rest);
}

/** What another tab did with messages that both show. Returns how to stop. */
export function shareOutbox(frame: Window): () => void {
  const hear = (event: StorageEvent) => {
    // Without a name, all was cleared: nobody discarded what is still shown here.
    if (event.key === null) stored.clear();
    const key = event.key?.split(NAME, 2)[1];
    if (!key) return;
    if (event.newValue === null) drop(key);
    else
      outbox.set(
        outbox.get().map((item) => (item.key === key ? (recallJson<Pending>(NAME + key) ?? item) : item)),
      );
  };
  frame.addEventListener("storage", hear);
  return () => frame.removeEventListener("storage", hear);
}
