/** The fallback connection: one event stream over HTTP for each subscription. */

import { type ApiError, type ErrorBody, errorOf } from "./errors.ts";
import type { Link, LinkEvents, Wanted } from "./link.ts";

export interface SseMessage {
  event: string;
  data: string;
  id: string | undefined;
}

/** Split an event stream's text into its messages as they become whole. What it gives back says whether one has begun. */
export function sseParser(take: (message: SseMessage) => void): (chunk: string) => boolean {
  let rest = "";
  let message: SseMessage = { event: "message", data: "", id: undefined };
  return (chunk) => {
    const lines = (rest + chunk).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop()!;
    for (const line of lines) {
      if (line === "") {
        if (message.data) take({ ...message, data: message.data.slice(0, -1) });
        message = { event: "message", data: "", id: undefined };
        continue;
      }
      const colon = line.indexOf(":");
      const name = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + (line[colon + 1] === " " ? 2 : 1));
      if (name === "data") message.data += `${value}\n`;
      else if (name === "event") message.event = value;
      else if (name === "id") message.id = value;
    }
    return rest !== "" || message.data !== "" || message.id !== undefined;
  };
}

/**
 * A browser opens six connections to a server, for all its tabs together: each stream gives its own back after a
 * moment and asks again from its place, so that every tab gets its turn and no click waits behind them. A message that
 * has begun is waited for, or one that takes longer than a turn would never come.
 */
const TURN_MS = 2_000;
const NOTHING_WITHIN_MS = 30_000;

type Turn =
  | { kind: "over" | "dismissed" }
  | { kind: "refused"; error: ErrorBody }
  | { kind: "lost"; afterMs: number | undefined };

export class SseLink implements Link {
  private readonly streams = new Map<string, AbortController>();
  private done = false;
  private open = false;

  constructor(
    private readonly base: string,
    private readonly out: LinkEvents,
    private readonly get: typeof fetch = (...args) => fetch(...args),
  ) {}

  subscribe(wanted: Wanted): void {
    void this.follow({ ...wanted });
  }

  unsubscribe(id: string): void {
    this.streams.get(id)?.abort();
    this.streams.delete(id);
  }

  /** Nothing to ask with; the next turn tells. */
  probe(): void {}

  close(): void {
    this.done = true;
    for (const control of this.streams.values()) control.abort();
    this.streams.clear();
  }

  private async follow(wanted: Wanted): Promise<void> {
    this.streams.set(wanted.id, new AbortController());
    for (let first = true; this.streams.has(wanted.id); first = false) {
      const control = new AbortController();
      this.streams.set(wanted.id, control);
      const turn = await this.turn(wanted, control, first);
      if (!this.streams.has(wanted.id)) return;
      if (turn.kind === "lost") this.lose(turn.afterMs);
      if (turn.kind === "dismissed") this.dismiss();
      if (turn.kind === "refused") {
        this.streams.delete(wanted.id);
        this.out.failed(wanted.id, turn.error);
      }
    }
  }

  /** Read for one turn; `wanted.after` goes along with what was delivered. */
  private async turn(wanted: Wanted, control: AbortController, first: boolean): Promise<Turn> {
    let over = false;
    let begun = false;
    let afterMs: number | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const within = (ms: number, late = () => control.abort()) => {
      clearTimeout(timer);
      timer = setTimeout(late, ms);
    };
    // With nothing to wait for, the turn ends with its time; with a message that has begun, it ends with that.
    const go = () => (begun ? within(NOTHING_WITHIN_MS) : control.abort());
    within(NOTHING_WITHIN_MS);
    try {
      const response = await this.get(this.address(wanted), {
        signal: control.signal,
        headers: { accept: "text/event-stream" },
        cache: "no-store",
        // What a person asks for goes before what only is listened to.
        priority: "low",
      });
      if (!response.ok) {
        const error = await errorOf(response);
        if (error.status === 401) return { kind: "dismissed" };
        return error.status >= 500 ? { kind: "lost", afterMs } : { kind: "refused", error: bodyOf(error) };
      }
      within(TURN_MS, () => {
        over = true;
        go();
      });
      if (first) this.greet(wanted);
      const parse = sseParser((message) => {
        if (message.event === "reconnect") afterMs = JSON.parse(message.data).after_ms ?? 500;
        else this.take(wanted, message);
      });
      await read(response.body!, (text) => {
        begun = parse(text);
        if (over) go();
      });
      return { kind: "lost", afterMs: afterMs ?? 250 };
    } catch {
      return over && !begun ? { kind: "over" } : { kind: "lost", afterMs };
    } finally {
      clearTimeout(timer);
    }
  }

  private address({ stream, after }: Wanted): string {
    const path = stream === "feed" ? "/api/feed/events" : `/api/${stream}/events`;
    return `${this.base}${path}${after === undefined ? "" : `?after=${after}`}`;
  }

  private greet(wanted: Wanted): void {
    if (!this.open) {
      this.open = true;
      this.out.opened();
    }
    // Where "now" is, the server says in its first message.
    if (wanted.after !== undefined) this.out.subscribed(wanted.id, wanted.after);
  }

  private take(wanted: Wanted, message: SseMessage): void {
    const { id } = wanted;
    if (!this.streams.has(id)) return;
    if (message.event === "open") {
      const { after } = JSON.parse(message.data) as { after: number };
      if (wanted.after === undefined) this.out.subscribed(id, after);
      wanted.after ??= after;
    } else if (message.event === "end") {
      this.streams.delete(id);
      this.out.ended(id, JSON.parse(message.data).next);
    } else if (message.id !== undefined) {
      wanted.after = Number(message.id);
      this.out.events(id, wanted.after, [JSON.parse(message.data)]);
    }
  }

  private dismiss(): void {
    if (this.done) return;
    this.close();
    this.out.dismissed();
  }

  private lose(afterMs?: number): void {
    if (this.done) return;
    this.close();
    this.out.lost(afterMs);
  }
}

async function read(body: ReadableStream<Uint8Array>, parse: (text: string) => void): Promise<void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    parse(decoder.decode(value, { stream: true }));
  }
}

function bodyOf({ code, message, status, retryable }: ApiError): ErrorBody {
  return { code, message, status, retryable };
}
