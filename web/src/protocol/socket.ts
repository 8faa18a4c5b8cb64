/** A connection over one WebSocket, with a watchdog over the server's heartbeat. */

import type { ErrorBody } from "./errors.ts";
import type { Link, LinkEvents, Wanted } from "./link.ts";

type Frame =
  | { type: "hello"; heartbeat_ms?: number }
  | { type: "subscribed"; id: string; after: number }
  | { type: "events"; id: string; offset: number; events: unknown[] }
  | { type: "end"; id: string; next: number }
  | { type: "error"; id?: string; error: ErrorBody }
  | { type: "reconnect"; after_ms?: number }
  | { type: "ping" | "pong" };

const OPEN_WITHIN_MS = 8_000;
const PROBE_WITHIN_MS = 3_000;
/** The code of a close for want of authority. */
const UNAUTHORIZED = 4401;

export class SocketLink implements Link {
  private readonly socket: WebSocket;
  private waiting: Wanted[] | null = [];
  private heartbeat = 15_000;
  private watchdog: ReturnType<typeof setTimeout> | undefined;
  private comeBackAfter: number | undefined;
  private done = false;

  constructor(
    url: string,
    private readonly out: LinkEvents,
    open: (url: string) => WebSocket = (address) => new WebSocket(address),
  ) {
    this.socket = open(url);
    this.expectWithin(OPEN_WITHIN_MS);
    this.socket.onmessage = ({ data }) => this.take(JSON.parse(data as string) as Frame);
    this.socket.onclose = ({ code }) => this.lose(code);
    this.socket.onerror = () => this.lose();
  }

  subscribe(wanted: Wanted): void {
    if (this.waiting) this.waiting.push(wanted);
    else this.send({ type: "subscribe", ...wanted });
  }

  unsubscribe(id: string): void {
    if (this.waiting) this.waiting = this.waiting.filter((wanted) => wanted.id !== id);
    else this.send({ type: "unsubscribe", id });
  }

  probe(): void {
    if (this.waiting) return;
    this.send({ type: "ping" });
    this.expectWithin(PROBE_WITHIN_MS);
  }

  close(): void {
    this.done = true;
    clearTimeout(this.watchdog);
    this.socket.onmessage = this.socket.onclose = this.socket.onerror = null;
    this.socket.close();
  }

  private take(frame: Frame): void {
    if (this.done) return;
    if (frame.type === "hello") this.greet(frame.heartbeat_ms);
    this.expectWithin(this.heartbeat * 2 + 2_000);
    if (frame.type === "events") this.out.events(frame.id, frame.offset, frame.events);
    else if (frame.type === "subscribed") this.out.subscribed(frame.id, frame.after);
    else if (frame.type === "end") this.out.ended(frame.id, frame.next);
    else if (frame.type === "error") this.out.failed(frame.id, frame.error);
    else if (frame.type === "ping") this.send({ type: "pong" });
    else if (frame.type === "reconnect") this.leave(frame.after_ms);
  }

  private greet(heartbeat: number | undefined): void {
    this.heartbeat = heartbeat ?? this.heartbeat;
    const waiting = this.waiting ?? [];
    this.waiting = null;
    this.out.opened();
    for (const wanted of waiting) this.send({ type: "subscribe", ...wanted });
  }

  /** The server is about to go: what is still on the way is taken until it closes, or for a moment at most. */
  private leave(afterMs: number | undefined): void {
    this.comeBackAfter = afterMs ?? 500;
    this.expectWithin(1_000);
  }

  private expectWithin(ms: number): void {
    clearTimeout(this.watchdog);
    this.watchdog = setTimeout(
      () => this.lose(),
      this.comeBackAfter === undefined ? ms : Math.min(ms, 1_000),
    );
  }

  private send(frame: Record<string, unknown>): void {
    if (this.socket.readyState === 1) this.socket.send(JSON.stringify(frame));
  }

  private lose(code?: number): void {
    if (this.done) return;
    this.close();
    if (code === UNAUTHORIZED) this.out.dismissed();
    else this.out.lost(this.comeBackAfter);
  }
}
