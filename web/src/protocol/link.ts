/** What the follower needs of a connection, whichever kind it is. */

import type { ErrorBody } from "./errors.ts";

/** One subscription as a connection sees it; `id` is of this connection alone. */
export interface Wanted {
  id: string;
  stream: string;
  /** The last offset that was seen; undefined: only what comes from now on. */
  after: number | undefined;
}

export interface LinkEvents {
  /** The server answered: the connection is good. */
  opened(): void;
  subscribed(id: string, after: number): void;
  events(id: string, offset: number, events: unknown[]): void;
  /** The stream is closed; `next` is one past its last offset. */
  ended(id: string, next: number): void;
  /** This subscription failed; without an id, something else that we asked did. */
  failed(id: string | undefined, error: ErrorBody): void;
  /** The connection is gone, once; the server may have said when to come again. */
  lost(afterMs?: number): void;
  /** In the place of `lost`: what it was opened with is no good any more, and must not be tried again. */
  dismissed(): void;
}

export interface Link {
  subscribe(wanted: Wanted): void;
  unsubscribe(id: string): void;
  /** Find out soon whether the connection still lives; if not, `lost` follows. */
  probe(): void;
  /** Let go without another event. */
  close(): void;
}
