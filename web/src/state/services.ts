/** The page's one connection, cache and stores. */

import type { Query } from "@tanstack/react-query";
import { Api } from "../protocol/api.ts";
import { ApiError } from "../protocol/errors.ts";
import { Live } from "../protocol/live.ts";
import { makeQueryClient } from "./cache.ts";
import { Feed } from "./feed.ts";
import { Journal, readAgain } from "./journal.ts";
import { Runs } from "./runs.ts";
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
export const live = new Live({ base: location.origin, onDismissed: renewSession });
export const runs = new Runs(live);
export const feed = new Feed({ live, me: known, onMissed: () => void readAgain(queries) });

/** Whether the server does not let us in. */
export const noGuests = new Store(false);

async function known(): Promise<void> {
  try {
    await api.me();
    noGuests.set(false);
  } catch (error) {
    if (error instanceof ApiError && !error.away) noGuests.set(error.status === 401);
    throw error;
  }
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
