/** The page's one connection, cache and stores. */

import type { Query } from "@tanstack/react-query";
import { Api } from "../protocol/api.ts";
import { ApiError } from "../protocol/errors.ts";
import { Live } from "../protocol/live.ts";
import type { Me } from "../protocol/types.ts";
import { keys, makeQueryClient } from "./cache.ts";
import { Feed } from "./feed.ts";
import { Journal, readAgain } from "./journal.ts";
import { Runs } from "./runs.ts";
import { settledUser } from "./session.ts";
import { Store } from "./store.ts";

declare global {
  interface Window {
    /** See `public/theme.js`. */
    threadlineMe?: Promise<Response>;
  }
}

export const api = new Api(undefined, undefined, window.threadlineMe);
export const queries = makeQueryClient();
export const journal = new Journal(queries);
export const live = new Live({
  base: location.origin,
  onDismissed: () => void settledUser().then(renewSession),
});
export const runs = new Runs(live);
export const feed = new Feed({ live, me: known, onMissed });

/** Whose session has ended goes on reading what is shown: somebody else would find nothing in its place. */
function onMissed(): void {
  if (!lost.get()) void readAgain(queries);
}

/** Whether the server does not let us in. */
export const noGuests = new Store(false);

/** Who we were, with an account, until the session ended without us. */
export const lost = new Store<Me | null>(null);

let last: Me | null = null;

async function known(): Promise<void> {
  try {
    const me = await api.me();
    if (last?.kind === "registered" && last.id !== me.id) lost.set(last);
    else if (lost.get()?.id === me.id) lost.set(null);
    last = me;
    queries.setQueryData(keys.me, me);
    noGuests.set(false);
  } catch (error) {
    if (error instanceof ApiError && !error.away) refused(error);
    throw error;
  }
}

/** Whoever had an account here goes on reading what is shown, and is asked to sign in again. */
function refused(error: ApiError): void {
  if (error.status === 401 && last?.kind === "registered") lost.set(last);
  noGuests.set(error.status === 401 && lost.get() === null);
}

/** The server answered as if we were nobody, or somebody else: who we were, where our session has ended. */
export async function endedSession(): Promise<Me | null> {
  const before = last;
  api.forgetMe();
  await known().catch(() => {});
  if (before && last?.id !== before.id) void feed.renew();
  return lost.get();
}

/** What was changed of who we are. */
export function keepMe(me: Me): void {
  last = me;
  api.forgetMe();
  queries.setQueryData(keys.me, me);
}

/** Begin to listen. */
export function listen(): void {
  live.attach(document, window);
  live.watch(() => live.connected && readWhatFailed());
  void feed.listen();
}

/** What could not be read while the server was away, and is shown. */
function readWhatFailed(): void {
  const failed = ({ state }: Query) => state.error instanceof ApiError && state.error.away;
  void queries.refetchQueries({ type: "active", predicate: failed });
}

/** Another session took the place of ours: follow as that one, and read what is its own. */
export function renewSession(): void {
  api.forgetMe();
  void feed.renew();
}
