/** Follows the user's changes for as long as the page lives, and tells when all has to be read again. */

import { ApiError } from "../protocol/errors.ts";
import type { Live } from "../protocol/live.ts";
import type { FeedEvent } from "../protocol/types.ts";

export interface FeedOptions {
  live: Pick<Live, "follow" | "renew">;
  /** Who we are: to be known before anything is followed. */
  me(): Promise<unknown>;
  /** What happened before is not told: all that was read may have changed. */
  onMissed(): void;
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
/** Reads wait so long for the feed, so that no change falls between the two; those that went ahead are made again. */
const READS_WAIT_MS = 600;

export class Feed {
  onEvent: (event: FeedEvent) => void = () => {};
  /** Resolves when lists may be read. */
  readonly ready: Promise<void>;
  private readsBegan = false;
  private begin = () => {};
  private stop = () => {};
  private failures = 0;
  private followedAt = 0;

  constructor(private readonly options: FeedOptions) {
    this.ready = new Promise((resolve) => {
      this.begin = () => {
        this.readsBegan = true;
        resolve();
      };
    });
  }

  async listen(): Promise<void> {
    setTimeout(this.begin, READS_WAIT_MS);
    await this.known();
    this.follow();
  }

  /** Follow as who we are now, after the session was lost and another took its place. */
  async renew(): Promise<void> {
    this.stop();
    await this.known();
    // A connection belongs to the session that it was opened with.
    this.options.live.renew();
    this.follow();
  }

  private async known(): Promise<void> {
    for (let tries = 0; ; tries++) {
      try {
        await this.options.me();
        return;
      } catch (error) {
        const named = error instanceof ApiError && error.retryAfter ? error.retryAfter * 1000 : 0;
        await new Promise((resolve) => setTimeout(resolve, Math.max(waitOf(tries), named)));
      }
    }
  }

  private follow(): void {
    this.stop();
    this.followedAt = Date.now();
    this.stop = this.options.live.follow<FeedEvent>("feed", undefined, {
      onReady: (fromNow) => {
        if (fromNow && this.readsBegan) this.options.onMissed();
        this.begin();
      },
      onEvents: (events) => {
        for (const event of events) this.onEvent(event);
      },
      onEnd: () => this.again(),
      onError: () => this.again(),
    });
  }

  /** The server does not go on from our place, as when it is too old: go on from now. */
  private again(): void {
    if (Date.now() - this.followedAt > 2 * LONGEST_WAIT_MS) this.failures = 0;
    const timer = setTimeout(() => this.follow(), waitOf(this.failures++));
    this.stop = () => clearTimeout(timer);
  }
}

function waitOf(tries: number): number {
  return Math.min(FIRST_WAIT_MS * 2 ** tries, LONGEST_WAIT_MS);
}
