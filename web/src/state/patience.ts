/** Asks a server that is away until it answers: again as soon as the page's connection is back, and now and then before. */

import { ApiError } from "../protocol/errors.ts";
import { live } from "./services.ts";

const WAITS_MS = [300, 900, 2_000, 4_000];
/** While the server is there for everything else, so many failures in a row are told. */
const TRIES_OF_ONE_THAT_ANSWERS = WAITS_MS.length + 1;

export interface Patience {
  /** Whether it is still wanted; asked before each further try. */
  wanted(): boolean;
  /** The server is away, and is waited for. */
  onWait?(): void;
}

/** What `ask` gives, however long it takes; undefined: it is not wanted any more. Rejects with a refusal. */
export async function patiently<T>(ask: () => Promise<T>, patience: Patience): Promise<T | undefined> {
  let answered = 0;
  for (let tries = 0; patience.wanted(); tries++) {
    const there = live.connected;
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ApiError && error.away)) throw error;
      answered = there && live.connected ? answered + 1 : 0;
      if (answered >= TRIES_OF_ONE_THAT_ANSWERS) throw error;
      // A connection that is dead and does not know it yet is found out.
      if (live.connected) live.wake();
      patience.onWait?.();
      const named = error.retryAfter ? error.retryAfter * 1000 : 0;
      await pause(Math.max(WAITS_MS[Math.min(tries, WAITS_MS.length - 1)]!, named));
    }
  }
  return undefined;
}

/** So long, or until the connection is back. */
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      unwatch();
      resolve();
    };
    const timer = setTimeout(end, ms);
    const unwatch = live.watch(() => live.connected && end());
  });
}
