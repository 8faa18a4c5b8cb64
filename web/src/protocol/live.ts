/**
 * The follower: any number of streams over one connection, each event delivered exactly once and in order,
 * through every loss of the connection, of the network and of the server.
 */

import type { ErrorBody } from "./errors.ts";
import type { Link, LinkEvents } from "./link.ts";
import { SocketLink } from "./socket.ts";
import { SseLink } from "./sse.ts";

export interface Sink<E = unknown> {
  /** Events that were not delivered before; the first has this offset, each next one more. */
  onEvents(events: E[], offset: number): void;
  /** The stream is closed and all of it was delivered. */
  onEnd?(): void;
  /** This stream cannot be followed; nothing more comes. */
  onError?(error: ErrorBody): void;
  /** The server follows the stream for us from here on; `fromNow`: what happened before is not told. */
  onReady?(fromNow: boolean): void;
}

export interface LiveOptions {
  /** Origin of the server, as in `http://127.0.0.1:8000`. */
  base: string;
  openSocket?: (url: string) => WebSocket;
  fetch?: typeof fetch;
  random?: () => number;
  /** The server does not take our session any more: nothing is followed until `renew`. */
  onDismissed?: () => void;
}

interface Subscription {
  stream: string;
  /** The next offset to deliver; undefined until the server has told where "now" is. */
  next: number | undefined;
  sink: Sink<never>;
  wireId: string;
  refusals: number;
}

const FIRST_WAIT_MS = 200;
const LONGEST_WAIT_MS = 4_000;
const SOCKETS_BEFORE_SSE = 2;
const REFUSALS = 5;

export class Live {
  private readonly subscriptions = new Set<Subscription>();
  private readonly byWireId = new Map<string, Subscription>();
  private readonly watchers = new Set<() => void>();
  private link: Link | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private attempt = 0;
  private socketFailures = 0;
  private wireIds = 0;
  private up = false;
  private stopped = false;
  /** The server said when to come back, or that we are to be somebody else first: nothing here hurries that. */
  private held = false;

  constructor(private readonly options: LiveOptions) {}

  /** Whether the server answers at present. */
  get connected(): boolean {
    return this.up;
  }

  /** Be told when `connected` changes. */
  watch(listener: () => void): () => void {
    this.watchers.add(listener);
    return () => this.watchers.delete(listener);
  }

  /** Follow `stream` after an offset (-1: from its start; undefined: from now). Returns how to stop. */
  follow<E>(stream: string, after: number | undefined, sink: Sink<E>): () => void {
    const next = after === undefined ? undefined : after + 1;
    const subscription: Subscription = { stream, next, sink: sink as Sink<never>, wireId: "", refusals: 0 };
    this.subscriptions.add(subscription);
    if (this.link) this.ask(subscription);
    else if (this.timer === undefined && !this.stopped && !this.held) this.connect();
    return () => this.drop(subscription);
  }

  /** The machine woke up, or the network came back: look at once whether the connection lives. */
  wake(): void {
    if (this.stopped || this.subscriptions.size === 0) return;
    if (this.link) this.link.probe();
    else if (!this.held) this.connect();
  }

  /** Wake with the page. Returns how to stop listening. */
  attach(page: Document, frame: Window): () => void {
    const wake = () => page.visibilityState === "visible" && this.wake();
    page.addEventListener("visibilitychange", wake);
    frame.addEventListener("online", wake);
    return () => {
      page.removeEventListener("visibilitychange", wake);
      frame.removeEventListener("online", wake);
    };
  }

  /** Connect anew, and go on with everything from its place: a connection belongs to one session. */
  renew(): void {
    if (this.stopped) return;
    if (this.link) {
      this.link.close();
      this.link = null;
      this.connect();
    } else if (this.held && this.timer === undefined) this.comeBack();
  }

  close(): void {
    this.stopped = true;
    clearTimeout(this.timer);
    this.link?.close();
    this.link = null;
  }

  private connect(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.held = false;
    const { base, openSocket, fetch } = this.options;
    const events = this.events();
    const overHttp = this.socketFailures >= SOCKETS_BEFORE_SSE;
    try {
      this.link = overHttp
        ? new SseLink(base, events, fetch)
        : new SocketLink(`${base.replace(/^http/, "ws")}/api/live`, events, openSocket);
    } catch {
      // A browser or a policy that refuses the socket outright.
      events.lost();
      return;
    }
    this.byWireId.clear();
    for (const subscription of this.subscriptions) this.ask(subscription);
  }

  private events(): LinkEvents {
    let opened = false;
    return {
      opened: () => {
        opened = true;
        // Not to zero: a server that accepts and drops us is not to be asked five times a second.
        this.attempt = Math.min(this.attempt, 1);
        this.socketFailures = 0;
        this.tell(true);
      },
      subscribed: (id, after) => this.ready(id, after),
      events: (id, offset, events) => this.deliver(id, offset, events),
      ended: (id, next) => this.end(id, next),
      failed: (id, error) => this.refused(id, error),
      lost: (afterMs) => this.lost(opened, afterMs),
      dismissed: () => this.dismissed(),
    };
  }

  private lost(wasOpen: boolean, afterMs: number | undefined): void {
    this.link = null;
    // A socket that never opened may be one that a proxy does not let through: then HTTP is tried, in turn with it.
    if (!wasOpen)
      this.socketFailures = this.socketFailures >= SOCKETS_BEFORE_SSE ? 1 : this.socketFailures + 1;
    this.tell(false);
    this.held = afterMs !== undefined;
    if (!this.stopped) this.comeBack(afterMs);
  }

  private dismissed(): void {
    this.link = null;
    this.held = true;
    this.tell(false);
    this.options.onDismissed?.();
  }

  private comeBack(afterMs?: number): void {
    const longest = Math.min(FIRST_WAIT_MS * 2 ** this.attempt++, LONGEST_WAIT_MS);
    const random = this.options.random ?? Math.random;
    this.timer = setTimeout(() => this.connect(), afterMs ?? longest * (0.5 + random() / 2));
  }

  private tell(up: boolean): void {
    if (this.up === up) return;
    this.up = up;
    for (const watcher of this.watchers) watcher();
  }

  private ask(subscription: Subscription): void {
    this.byWireId.delete(subscription.wireId);
    subscription.wireId = `s${++this.wireIds}`;
    this.byWireId.set(subscription.wireId, subscription);
    const after = subscription.next === undefined ? undefined : subscription.next - 1;
    this.link?.subscribe({ id: subscription.wireId, stream: subscription.stream, after });
  }

  private drop(subscription: Subscription): void {
    if (!this.subscriptions.delete(subscription)) return;
    if (this.byWireId.delete(subscription.wireId)) this.link?.unsubscribe(subscription.wireId);
  }

  private again(subscription: Subscription): void {
    this.link?.unsubscribe(subscription.wireId);
    this.ask(subscription);
  }

  private ready(id: string, after: number): void {
    const subscription = this.byWireId.get(id);
    if (!subscription) return;
    const fromNow = subscription.next === undefined;
    if (fromNow) subscription.next = after + 1;
    guard(() => subscription.sink.onReady?.(fromNow));
  }

  private deliver(id: string, offset: number, events: unknown[]): void {
    const subscription = this.byWireId.get(id);
    if (!subscription) return;
    const next = subscription.next ?? offset;
    if (offset > next) {
      this.again(subscription);
      return;
    }
    const fresh = next === offset ? events : events.slice(next - offset);
    if (fresh.length === 0) return;
    subscription.next = next + fresh.length;
    subscription.refusals = 0;
    guard(() => subscription.sink.onEvents(fresh as never[], next));
  }

  private end(id: string, next: number): void {
    const subscription = this.byWireId.get(id);
    if (!subscription) return;
    if ((subscription.next ?? next) < next) {
      this.again(subscription);
      return;
    }
    this.byWireId.delete(id);
    this.subscriptions.delete(subscription);
    guard(() => subscription.sink.onEnd?.());
  }

  private refused(id: string | undefined, error: ErrorBody): void {
    const subscription = id === undefined ? undefined : this.byWireId.get(id);
    if (!subscription) return;
    if (error.retryable && subscription.refusals++ < REFUSALS) {
      const { wireId } = subscription;
      const wait = FIRST_WAIT_MS * 2 ** subscription.refusals;
      setTimeout(() => {
        // It may have been let go meanwhile, or asked for again over a new connection.
        const waits = this.subscriptions.has(subscription) && subscription.wireId === wireId;
        if (waits && this.link) this.again(subscription);
      }, wait);
      return;
    }
    this.drop(subscription);
    guard(() => subscription.sink.onError?.(error));
  }
}

/** A fault in one reader must not keep the others from their events. */
function guard(call: () => void): void {
  try {
    call();
  } catch (error) {
    reportError(error);
  }
}
