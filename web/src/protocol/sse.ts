/** The fallback connection: one event stream over HTTP for each subscription. */

import { errorOf } from "./errors.ts";
import type { Link, LinkEvents, Wanted } from "./link.ts";

export interface SseMessage {
  event: string;
  data: string;
  id: string | undefined;
}

/** Split an event stream's text into its messages as they become whole; comments come as messages without data. */
export function sseParser(take: (message: SseMessage) => void): (chunk: string) => void {
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
  };
}

const SILENCE_MS = 40_000;

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
    const control = new AbortController();
    this.streams.set(wanted.id, control);
    void this.follow(wanted, control);
  }

  unsubscribe(id: string): void {
    this.streams.get(id)?.abort();
    this.streams.delete(id);
  }

  /** Nothing to ask with: the silence timer of each stream has to do. */
  probe(): void {}

  close(): void {
    this.done = true;
    for (const control of this.streams.values()) control.abort();
    this.streams.clear();
  }

  private async follow(wanted: Wanted, control: AbortController): Promise<void> {
    let comeBackAfter: number | undefined;
    try {
      const response = await this.get(this.address(wanted), {
        signal: control.signal,
        headers: { accept: "text/event-stream" },
        cache: "no-store",
      });
      if (!this.streams.has(wanted.id)) return;
      if (!response.ok) {
        const error = await errorOf(response);
        if (error.status >= 500) throw error;
        this.out.failed(wanted.id, { ...error, message: error.message });
        return;
      }
      this.greet(wanted);
      const parse = sseParser((message) => {
        if (message.event === "reconnect") comeBackAfter = JSON.parse(message.data).after_ms ?? 500;
        else this.take(wanted.id, message);
      });
      await this.read(response.body!, control, parse);
      if (this.streams.has(wanted.id)) this.lose(comeBackAfter ?? 250);
    } catch {
      if (this.streams.has(wanted.id)) this.lose(comeBackAfter);
    }
  }

  private async read(
    body: ReadableStream<Uint8Array>,
    control: AbortController,
    parse: (text: string) => void,
  ) {
    const reader = body.getReader();
    const decoder = new TextDecoder();
    let watchdog = setTimeout(() => control.abort(), SILENCE_MS);
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        clearTimeout(watchdog);
        watchdog = setTimeout(() => control.abort(), SILENCE_MS);
        parse(decoder.decode(value, { stream: true }));
      }
    } finally {
      clearTimeout(watchdog);
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

  private take(id: string, message: SseMessage): void {
    if (!this.streams.has(id)) return;
    if (message.event === "open") {
      this.out.subscribed(id, JSON.parse(message.data).after);
    } else if (message.event === "end") {
      this.streams.delete(id);
      this.out.ended(id, JSON.parse(message.data).next);
    } else if (message.id !== undefined) {
      this.out.events(id, Number(message.id), [JSON.parse(message.data)]);
    }
  }

  private lose(afterMs?: number): void {
    if (this.done) return;
    this.close();
    this.out.lost(afterMs);
  }
}
