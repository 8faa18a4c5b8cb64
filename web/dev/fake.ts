/** A small server in memory that speaks the page's interface; for work on the page alone, never in the build. */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Plugin } from "vite";
import { type WebSocket, WebSocketServer } from "ws";
import type { Event } from "../src/protocol/events.ts";
import { Fold } from "../src/protocol/fold.ts";
import type { Conversation, FeedEvent, Message, Model, Run } from "../src/protocol/types.ts";
import { answerTo } from "./script.ts";

interface Stream {
  events: unknown[];
  closed: boolean;
  bells: Set<() => void>;
}

const DELAY_MS = Number(process.env.FAKE_DELAY_MS ?? 25);
const streams = new Map<string, Stream>();
const conversations = new Map<string, Conversation>();
const messages = new Map<string, Message[]>();
const runs = new Map<string, Run>();
let ids = 0;

const now = () => Date.now() / 1000;
const newId = (kind: string) => `${kind}_${String(++ids).padStart(8, "0")}`;

function stream(name: string): Stream {
  let found = streams.get(name);
  if (!found) {
    found = { events: [], closed: false, bells: new Set() };
    streams.set(name, found);
  }
  return found;
}

function append(name: string, event: unknown): void {
  const to = stream(name);
  to.events.push(event);
  for (const bell of to.bells) bell();
}

function feed(event: FeedEvent): void {
  append("feed", structuredClone(event));
}

function touch(conversation: Conversation, fields: Partial<Conversation>): void {
  Object.assign(conversation, fields, { updated_at: now() });
  feed({ type: "conversation.updated", conversation });
}

function add(conversation: Conversation, fields: Partial<Message> & Pick<Message, "id" | "role">): Message {
  const message: Message = {
    parts: [],
    parent_id: null,
    created_at: now(),
    metadata: {},
    status: "completed",
    run_id: null,
    ...fields,
  };
  messages.get(conversation.id)!.push(message);
  return message;
}

async function work(conversation: Conversation, run: Run, answer: Message, question: string): Promise<void> {
  run.status = "running";
  answer.status = "streaming";
  feed({ type: "run.started", run });
  touch(conversation, { status: "streaming" });
  const name = `runs/${run.id}`;
  const fold = new Fold();
  const put = (event: Event) => {
    fold.apply(event);
    append(name, event);
  };
  await new Promise((resolve) => setTimeout(resolve, 700));
  put({ type: "start", messageId: answer.id, messageMetadata: { model: "demo/demo" } });
  for (const event of answerTo(question)) {
    if (run.status !== "running") break;
    put(event);
    if (event.type.endsWith("delta") || event.type.startsWith("tool"))
      await new Promise((r) => setTimeout(r, DELAY_MS));
  }
  if (run.status !== "running") put({ type: "abort", reason: "stopped" });
  put({ type: "finish", finishReason: "stop" });
  stream(name).closed = true;
  for (const bell of stream(name).bells) bell();
  run.status = fold.aborted ? "stopped" : fold.errorText ? "error" : "completed";
  Object.assign(answer, { status: run.status, parts: fold.snapshot(), metadata: fold.metadata });
  feed({ type: "run.finished", run });
  const title = conversation.title ?? question.split(/\s+/).slice(0, 4).join(" ");
  touch(conversation, { status: run.status === "error" ? "error" : "completed", title });
  const next = [...runs.values()].find(
    (item) => item.conversation_id === conversation.id && item.status === "queued",
  );
  if (next) begin(conversation, next);
}

function begin(conversation: Conversation, run: Run): void {
  const list = messages.get(conversation.id)!;
  const answer = list.find((item) => item.id === run.message_id)!;
  const question = list.find((item) => item.id === run.parent_id)!;
  void work(conversation, run, answer, String(question.parts[0]!.text));
}

interface ChatBody {
  id: string;
  trigger: string;
  message?: { id: string; parts: Message["parts"] };
  messageId?: string;
  parentId?: string;
  model?: string;
}

function submit(body: ChatBody) {
  let conversation = conversations.get(body.id);
  if (!conversation) {
    const at = now();
    const fields = { title: null, status: "idle", model: body.model ?? null, leaf_id: null } as const;
    conversation = { id: body.id, ...fields, created_at: at, updated_at: at };
    conversations.set(body.id, conversation);
    messages.set(body.id, []);
    feed({ type: "conversation.created", conversation });
  }
  const list = messages.get(body.id)!;
  const old = list.find((item) => item.id === body.messageId);
  let question = list.find((item) => item.id === old?.parent_id);
  if (body.trigger === "submit-message") {
    const parent_id = old ? old.parent_id : (body.parentId ?? conversation.leaf_id);
    question = add(conversation, { id: newId("msg"), role: "user", parts: body.message!.parts, parent_id });
    feed({ type: "message.added", conversation_id: body.id, message: question });
  }
  const busy = [...runs.values()].some(
    (item) => item.conversation_id === body.id && /queued|running/.test(item.status),
  );
  const id = newId("run");
  const answer = add(conversation, {
    id: newId("msg"),
    role: "assistant",
    parent_id: question!.id,
    status: "queued",
    run_id: id,
  });
  const run: Run = {
    id,
    conversation_id: body.id,
    message_id: answer.id,
    parent_id: question!.id,
    status: "queued",
  };
  runs.set(id, run);
  feed({ type: "message.added", conversation_id: body.id, message: answer });
  feed({ type: "run.queued", run });
  touch(conversation, { leaf_id: answer.id, status: "streaming" });
  if (!busy) begin(conversation, run);
  return {
    run_id: id,
    conversation_id: body.id,
    message_id: answer.id,
    parent_id: question!.id,
    duplicate: false,
  };
}

function seed(): void {
  const day = 86_400;
  const titles = [
    "Merging intervals in Python",
    "Three days in Lisbon",
    "SQLite or PostgreSQL",
    "Naming a small product",
    "Why the sky is blue",
    "A letter to the landlord",
    "Rust lifetimes, slowly",
    "Sourdough that rises",
  ];
  for (let at = 0; at < 70; at++) {
    const id = `c${at}`;
    const updated = now() - at * at * 0.02 * day - at * 900;
    const title =
      titles[at % titles.length]! + (at < titles.length ? "" : ` ${Math.floor(at / titles.length) + 1}`);
    conversations.set(id, {
      id,
      title,
      status: "completed",
      model: "demo/demo",
      leaf_id: null,
      created_at: updated,
      updated_at: updated,
    });
    messages.set(id, []);
    const count = at === 1 ? 500 : 2;
    let parent: string | null = null;
    for (let turn = 0; turn < count; turn++) {
      const conversation = conversations.get(id)!;
      const text = `${title}? ${turn > 0 ? `Turn ${turn + 1}.` : ""}`;
      const user: Message = add(conversation, {
        id: newId("msg"),
        role: "user",
        parent_id: parent,
        parts: [{ type: "text", text }],
      });
      const fold = new Fold();
      for (const event of answerTo(at % 3 === 1 ? `${title} short` : title)) fold.apply(event);
      if (turn % 5 === 0) for (const event of answerTo("x")) fold.apply(event);
      const answer: Message = add(conversation, {
        id: newId("msg"),
        role: "assistant",
        parent_id: user.id,
        parts: [...fold.snapshot()],
        metadata: { model: "demo/demo" },
      });
      parent = answer.id;
      conversation.leaf_id = parent;
    }
  }
}

const PLAIN = {
  output_limit: null,
  price: null,
  health: null,
  retires: null,
  key: "server",
  favourite: false,
} as const;

const MODELS: Model[] = [
  {
    ...PLAIN,
    id: "demo/demo",
    provider: "demo",
    provider_name: "Built in",
    name: "Demo",
    capabilities: { tools: true, reasoning: true },
    context: 32_000,
    available: true,
    reason: null,
  },
  {
    ...PLAIN,
    id: "openai/gpt-6",
    provider: "openai",
    provider_name: "OpenAI",
    name: "GPT-6",
    capabilities: { vision: true, reasoning: true },
    context: 1_000_000,
    available: false,
    reason: "No OpenAI API key. Add one in Settings.",
  },
  {
    ...PLAIN,
    id: "ollama/qwen3",
    provider: "ollama",
    provider_name: "Ollama",
    name: "qwen3:8b",
    capabilities: {},
    context: 40_000,
    available: true,
    reason: null,
  },
];

function handle(method: string, url: URL, body: ChatBody & Record<string, unknown>): [number, unknown] {
  const path = url.pathname;
  const missing: [number, unknown] = [
    404,
    {
      error: {
        code: "not_found:api",
        message: "There is no such thing here, or it is not yours.",
        status: 404,
        retryable: false,
      },
    },
  ];
  if (path === "/api/me") return [200, { id: "usr_1", kind: "guest", name: null }];
  if (path === "/api/models") return [200, { items: MODELS, next: null, default: "demo/demo" }];
  if (path === "/api/chat") return [202, submit(body)];
  if (path === "/api/conversations") {
    const q = (url.searchParams.get("q") ?? "").toLowerCase();
    const from = Number(url.searchParams.get("cursor") ?? 0);
    const all = [...conversations.values()]
      .sort((a, b) => b.updated_at - a.updated_at)
      .filter((item) => (item.title ?? "").toLowerCase().includes(q));
    return [
      200,
      { items: all.slice(from, from + 40), next: from + 40 < all.length ? String(from + 40) : null },
    ];
  }
  const [, , kind, id, rest] = path.split("/");
  const conversation = conversations.get(decodeURIComponent(id ?? ""));
  if (!conversation) return missing;
  if (kind === "chat" && rest === "stop") {
    for (const run of runs.values())
      if (run.id === body.run && /queued|running/.test(run.status)) run.status = "stopped";
    return [200, {}];
  }
  if (rest === "messages") {
    return [
      200,
      { items: messages.get(conversation.id), next: null, leaf_id: conversation.leaf_id, runs: [] },
    ];
  }
  if (method === "PATCH") touch(conversation, body as Partial<Conversation>);
  if (method === "DELETE") {
    conversations.delete(conversation.id);
    feed({ type: "conversation.deleted", id: conversation.id });
    return [204, null];
  }
  return [200, conversation];
}

function serveLive(socket: WebSocket): void {
  const stops = new Map<string, () => void>();
  const send = (frame: unknown) => socket.readyState === 1 && socket.send(JSON.stringify(frame));
  send({ type: "hello", heartbeat_ms: 15_000 });
  const beat = setInterval(() => send({ type: "ping" }), 15_000);
  socket.on("message", (data) => {
    const frame = JSON.parse(String(data));
    if (frame.type === "ping") send({ type: "pong" });
    if (frame.type === "unsubscribe") stops.get(frame.id)?.();
    if (frame.type !== "subscribe") return;
    const from = stream(frame.stream);
    let next = (frame.after ?? (frame.stream === "feed" ? from.events.length - 1 : -1)) + 1;
    send({ type: "subscribed", id: frame.id, stream: frame.stream, after: next - 1 });
    const pump = () => {
      if (next < from.events.length)
        send({ type: "events", id: frame.id, offset: next, events: from.events.slice(next) });
      next = from.events.length;
      if (from.closed) {
        send({ type: "end", id: frame.id, next });
        from.bells.delete(pump);
      }
    };
    from.bells.add(pump);
    stops.set(frame.id, () => from.bells.delete(pump));
    pump();
  });
  socket.on("close", () => {
    clearInterval(beat);
    for (const stop of stops.values()) stop();
  });
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = chunks.length > 0 ? JSON.parse(Buffer.concat(chunks).toString()) : {};
  const [status, value] = handle(request.method ?? "GET", new URL(request.url ?? "/", "http://fake"), body);
  response.writeHead(status, { "content-type": "application/json" });
  response.end(value === null ? undefined : JSON.stringify(value));
}

export function fakeServer(): Plugin {
  seed();
  return {
    name: "threadline-fake",
    apply: "serve",
    configureServer(server) {
      const sockets = new WebSocketServer({ noServer: true });
      server.httpServer?.on("upgrade", (request, socket, head) => {
        if (request.url?.startsWith("/api/live")) sockets.handleUpgrade(request, socket, head, serveLive);
      });
      server.middlewares.use((request, response, next) => {
        if (request.url?.startsWith("/api/")) void answer(request, response);
        else next();
      });
    },
  };
}
