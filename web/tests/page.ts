/** The page's state without its looks, before a server that is the test: held answers, one socket, a storage. */

import { InfiniteQueryObserver, QueryObserver } from "@tanstack/react-query";
import { vi } from "vitest";
import type { Conversation, FeedEvent, Message, Run } from "../src/protocol/types.ts";
import { Wire } from "./wire.ts";

export interface Asked {
  method: string;
  path: string;
  body: Record<string, unknown> | undefined;
  answer(body: unknown, status?: number): void;
  fail(): void;
}

/** The requests of the page. Those of which `standing` knows the path are answered at once, the rest by the test. */
export class Requests {
  readonly all: Asked[] = [];
  readonly standing = new Map<string, unknown>([["/api/me", { id: "user_1", kind: "guest", name: null }]]);

  readonly fetch = (url: string, init: RequestInit = {}): Promise<Response> =>
    new Promise((resolve, reject) => {
      const path = url.replace("http://host", "");
      const answer = (body: unknown, status = 200) => resolve(new Response(JSON.stringify(body), { status }));
      const fail = () => reject(new TypeError("no network"));
      const known = this.standing.get(path.split("?")[0]!);
      if (known !== undefined) answer(known);
      else this.all.push({ method: init.method ?? "GET", path, body: bodyOf(init), answer, fail });
    });

  of(part: string): Asked[] {
    return this.all.filter(({ path }) => path.includes(part));
  }
}

function bodyOf({ body }: RequestInit): Record<string, unknown> | undefined {
  return typeof body === "string" ? JSON.parse(body) : undefined;
}

/** A browser's storage, as one tab sees it. */
export function storage(content: Record<string, string> = {}): Storage {
  const hide = (name: string, value: unknown) =>
    Object.defineProperty(content, name, { value, configurable: true });
  hide("getItem", (key: string) => content[key] ?? null);
  hide("setItem", (key: string, value: string) => {
    content[key] = value;
  });
  hide("removeItem", (key: string) => {
    delete content[key];
  });
  return content as unknown as Storage;
}

/** Load the page's state anew. */
export async function openPage(localStorage = storage()) {
  vi.resetModules();
  Wire.all = [];
  const requests = new Requests();
  const events = new EventTarget();
  vi.stubGlobal("location", { origin: "http://host" });
  vi.stubGlobal("window", events);
  vi.stubGlobal("document", Object.assign(new EventTarget(), { visibilityState: "visible" }));
  vi.stubGlobal("localStorage", localStorage);
  vi.stubGlobal("WebSocket", Wire);
  vi.stubGlobal("fetch", requests.fetch);
  const [services, hearing, reads, outbox, turns, wishing] = await Promise.all([
    import("../src/state/services.ts"),
    import("../src/state/hear.ts"),
    import("../src/state/reads.ts"),
    import("../src/state/outbox.ts"),
    import("../src/state/turns.ts"),
    import("../src/state/wishes.ts"),
  ]);
  const page = { ...services, ...hearing, ...reads, ...outbox, ...turns, ...wishing, requests, events };
  return {
    ...page,
    /** Follow the feed from `after` on. */
    async start(after = 0) {
      page.listen();
      await settle();
      Wire.all.at(-1)!.hello();
      page.queries.mount();
      follow(after);
      await settle();
    },
    showList(q = "") {
      const observer = new InfiniteQueryObserver(page.queries, page.listQuery(q));
      observer.subscribe(() => {});
      return observer;
    },
    showMessages(id: string) {
      const observer = new QueryObserver(page.queries, page.messagesQuery(id));
      observer.subscribe(() => {});
      return observer;
    },
  };
}

let told = 0;

/** The feed is followed from here on. */
export function follow(after: number): void {
  const { id } = Wire.all.at(-1)!.asked("feed")!;
  told = after + 1;
  Wire.all.at(-1)!.push({ type: "subscribed", id, stream: "feed", after });
}

/** The server tells of changes. */
export async function tell(...events: FeedEvent[]): Promise<void> {
  const { id } = Wire.all.at(-1)!.asked("feed")!;
  Wire.all.at(-1)!.push({ type: "events", id, offset: told, events });
  told += events.length;
  await settle();
}

/** A moment in which all that can happen does. */
export async function settle(ms = 60): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

export function conversation(id: string, more: Partial<Conversation> = {}): Conversation {
  const at = { created_at: 1, updated_at: 1 };
  return { id, title: id, status: "idle", model: null, leaf_id: null, ...at, ...more };
}

export function question(id: string, parent_id: string | null = null): Message {
  const parts = [{ type: "text", text: "?" }];
  const rest = { created_at: 1, metadata: {}, status: "completed" as const, run_id: null };
  return { id, role: "user", parts, parent_id, ...rest };
}

export function answer(id: string, more: Partial<Message> = {}): Message {
  const run_id = `run_${id}`;
  return { ...question(id, "q1"), role: "assistant", parts: [], status: "streaming", run_id, ...more };
}

export function run(message: string, status: Run["status"], parent_id = "q1"): Run {
  return { id: `run_${message}`, conversation_id: "c1", message_id: message, parent_id, status };
}
