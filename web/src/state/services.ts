/** The page's one connection, cache and stores. */

import { Api } from "../protocol/api.ts";
import { Live } from "../protocol/live.ts";
import { makeQueryClient } from "./cache.ts";
import { Feed } from "./feed.ts";
import { Journal, readAgain } from "./journal.ts";
import { Runs } from "./runs.ts";

declare global {
  interface Window {
    /** See `public/theme.js`. */
    threadlineMe?: Promise<Response>;
  }
}

export const api = new Api(undefined, undefined, window.threadlineMe);
export const queries = makeQueryClient();
export const journal = new Journal(queries);
export const live = new Live({ base: location.origin });
export const runs = new Runs(live);
export const feed = new Feed({ live, me: () => api.me(), onMissed: () => void readAgain(queries) });

/** Begin to listen. */
export function listen(): void {
  live.attach(document, window);
  void feed.listen();
}

/** Another session took the place of ours: follow as that one, and read what is its own. */
export function renewSession(): void {
  api.forgetMe();
  void feed.renew();
}
