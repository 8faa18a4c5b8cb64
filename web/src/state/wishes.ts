/** What a person wished of the server, which may be away: kept in the browser, and asked until it answers. */

import type { AnswerSettings } from "../protocol/types.ts";
import { hear, lastEnded } from "./hear.ts";
import { roleIn } from "./ours.ts";
import { patiently } from "./patience.ts";
import { api } from "./services.ts";
import { keep, kept, recallJson, Store, useStore } from "./store.ts";

export type Wish =
  | { kind: "stop"; conversation: string; run: string }
  | { kind: "rename"; conversation: string; title: string }
  | { kind: "settings"; conversation: string; settings: AnswerSettings }
  | Cancel;

/** End runs that wait, the last of them first, and take their turns out of the branch: it ends at `leaf`. */
export interface Cancel {
  kind: "cancel";
  conversation: string;
  runs: string[];
  /** The messages that leave the branch. */
  messages: string[];
  leaf: string;
}

type Wishes = Readonly<Record<string, Wish>>;

const NAME = "wish:";

function load(): Wishes {
  const found = kept(NAME).flatMap((name) => recallJson<Wish>(name) ?? []);
  return Object.fromEntries(found.map((wish) => [keyOf(wish), wish]));
}

/** By `stop:{run}`, `rename:{conversation}`, `settings:{conversation}` and `cancel:{run}`. */
export const wishes = new Store<Wishes>(load());

function keyOf(wish: Wish): string {
  if (wish.kind === "stop") return `stop:${wish.run}`;
  return wish.kind === "cancel" ? `cancel:${wish.runs[0]}` : `${wish.kind}:${wish.conversation}`;
}

/** A conversation's title as it is wished, while the server has not heard of that. */
export function useWishedTitle(conversation: string | null): string | undefined {
  const wished = useStore(wishes)[`rename:${conversation}`];
  return wished?.kind === "rename" ? wished.title : undefined;
}

/** Keep a wish and ask for it; a newer one takes its place. Resolves once it is heard, or has to wait; rejects where it is refused. */
export function wish(wanted: Wish): Promise<void> {
  const key = keyOf(wanted);
  keep(NAME + key, JSON.stringify(wanted));
  wishes.set({ ...wishes.get(), [key]: wanted });
  return new Promise((resolve, reject) => {
    pursue(key, wanted, resolve).then(resolve, reject);
  });
}

/** Ask for what was wished before the page was loaded. */
export function resumeWishes(): void {
  for (const [key, wanted] of Object.entries(wishes.get())) pursue(key, wanted).catch(() => {});
}

/** What is pursued, by key: whoever sends a message waits for what arranges the conversation before it. */
const pursuits = new Map<string, Promise<void>>();

/** Once nothing is taken out of this conversation any more, and its settings are told: a new message finds its end, and is answered so. */
export async function arranged(conversation: string): Promise<void> {
  for (const [key, wanted] of Object.entries(wishes.get()))
    if (ARRANGES.has(wanted.kind) && wanted.conversation === conversation) await pursuits.get(key);
}

const ARRANGES: ReadonlySet<Wish["kind"]> = new Set(["cancel", "settings"]);

function pursue(key: string, wanted: Wish, onWait?: () => void): Promise<void> {
  const pursuit = ask(key, wanted, onWait);
  const done = pursuit.then(
    () => {},
    () => {},
  );
  pursuits.set(key, done);
  void done.then(() => pursuits.get(key) === done && pursuits.delete(key));
  return pursuit;
}

async function ask(key: string, wanted: Wish, onWait?: () => void): Promise<void> {
  const current = () => wishes.get()[key] === wanted;
  let over = true;
  try {
    over = (await patiently(() => grant(wanted), { wanted: current, ...(onWait && { onWait }) })) ?? true;
  } finally {
    if (over && current()) forget(key);
  }
}

function forget(key: string): void {
  if (!(key in wishes.get())) return;
  keep(NAME + key, null);
  const { [key]: _, ...rest } = wishes.get();
  wishes.set(rest);
}

/** Ask once. Returns whether it is done with; a stop is when its run has ended. */
async function grant(wanted: Wish): Promise<boolean> {
  const { conversation } = wanted;
  if (wanted.kind === "cancel") return takeOut(wanted);
  if (wanted.kind === "stop") return (await api.stop(conversation, wanted.run)).stopped.length === 0;
  const fields = wanted.kind === "rename" ? { title: wanted.title } : { settings: wanted.settings };
  hear({ type: "conversation.updated", conversation: await api.change(conversation, fields) });
  return true;
}

async function takeOut({ conversation, runs, messages, leaf }: Cancel): Promise<boolean> {
  for (const run of runs) await api.stop(conversation, run);
  if (roleIn(conversation) !== "owner") return true;
  // Another device may have gone to another branch meanwhile, and stays there.
  const now = await api.conversation(conversation);
  if (now.leaf_id !== null && messages.includes(now.leaf_id))
    hear({
      type: "conversation.updated",
      conversation: await api.change(conversation, { leaf_id: leaf, leaf_exact: true }),
    });
  return true;
}

lastEnded.watch(() => forget(`stop:${lastEnded.get()}`));
