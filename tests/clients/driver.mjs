// Drives one major of the npm package `ai` by commands that come as JSON lines, and answers each with one JSON line.
import readline from "node:readline";
import { cookie, transport } from "./transports.mjs";

const [major, base] = process.argv.slice(2);
const ai = await import(`ai${major}`);
// The client of Durable Streams rejects a promise of its own that nobody holds, where a connection breaks.
process.on("unhandledRejection", (error) => { if (!["terminated", "network error"].includes(error?.message)) throw error; });

const made = (command) => transport(ai, base, command);
const chats = new Map();

class State {
  status = "ready";
  error = undefined;
  messages = [];
  constructor(messages) { this.messages = messages; }
  pushMessage = (message) => { this.messages = this.messages.concat(message); };
  popMessage = () => { this.messages = this.messages.slice(0, -1); };
  replaceMessage = (at, message) => { this.messages = this.messages.with?.(at, message) ?? this.messages.map((m, i) => (i === at ? message : m)); };
  snapshot = (value) => structuredClone(value);
}

class Chat extends ai.AbstractChat {
  constructor({ id, messages = [], transport }) {
    const state = new State(messages);
    const onError = (error) => { this.seen.push(error.message); this.lost?.(); };
    super({ id, transport, state, onError, onFinish: (end) => { this.end = end; } });
    this.own = state;
    this.seen = [];
    this.pending = Promise.resolve();
  }
}

const textOf = (message) => (message?.parts ?? []).filter((p) => p.type === "text").map((p) => p.text).join("");
const userMessage = (text, id) => ({ id: id ?? ai.generateId(), role: "user", parts: [{ type: "text", text }] });

/** Read a stream of chunks with the package's own reducer, strictly. */
async function read(stream) {
  const [forUs, forIt] = stream.tee();
  const errors = [];
  const chunks = (async () => {
    const out = [];
    try { for await (const chunk of forUs) out.push(chunk); } catch (error) { errors.push(`chunks: ${error.message}`); }
    return out;
  })();
  let last = null;
  try {
    const messages = ai.readUIMessageStream({ stream: forIt, terminateOnError: true, onError: (e) => errors.push(e.message) });
    for await (const message of messages) last = message;
  } catch (error) { errors.push(error.message); }
  let valid = null;
  if (last) {
    try { await ai.validateUIMessages({ messages: [last] }); valid = true; } catch (error) { valid = error.message; }
  }
  return { chunks: await chunks, last, text: textOf(last), errors, valid };
}

const report = (chat) => ({
  status: chat.status,
  error: chat.error?.message ?? null,
  errors: chat.seen,
  messages: chat.messages,
  text: chat.lastMessage?.role === "assistant" ? textOf(chat.lastMessage) : "",
  end: chat.end ? { isAbort: chat.end.isAbort, isDisconnect: chat.end.isDisconnect, isError: chat.end.isError } : null,
});

const commands = {
  cookie: ({ visitor: name = "one", value }) => cookie(name, value),
  all: (c) => Promise.all(c.commands.map((one) => commands[one.do](one))),
  ride: async (c) => {
    const way = await made(c);
    const chat = new Chat({ id: c.chat, transport: way });
    const began = Date.now();
    let comebacks = 0;
    await chat.sendMessage({ text: c.text });
    while (c.comeBack && chat.status === "error" && Date.now() - began < 180_000) {
      await new Promise((done) => setTimeout(done, comebacks ? 100 : 0));
      comebacks += 1;
      chat.seen.length = 0;
      await chat.resumeStream();
    }
    way.close?.();
    return { ...report(chat), comebacks };
  },
  bare: async (c) => {
    let run = null;
    const way = await made({ ...c, kind: "workflow", bare: true, onRun: (id) => { run = id; } });
    const messages = [userMessage(c.text)];
    const first = await read(await way.sendMessages({ chatId: "mine", messages, trigger: "submit-message", body: { model: c.model } }));
    const again = await read(await way.reconnectToStream({ chatId: run }));
    const tail = await read(await way.reconnectToStream({ chatId: run, startIndex: c.tail }));
    return { run, first, again, tail };
  },
  answer: async (c) => {
    const messages = c.messages ?? [userMessage(c.text, c.messageId)];
    const stream = await (await made(c)).sendMessages({
      chatId: c.chat, messages, trigger: c.trigger ?? "submit-message", messageId: c.regenerate, abortSignal: undefined,
    });
    return read(stream);
  },
  reconnect: async (c) => {
    const stream = await (await made(c)).reconnectToStream({ chatId: c.chat });
    return stream === null ? null : read(stream);
  },
  take: async (c) => {
    const told = new Response(c.body, { headers: { "content-type": "text/event-stream" } });
    const way = new ai.DefaultChatTransport({ fetch: async () => told });
    const stream = await way.sendMessages({ chatId: "c", messages: [], trigger: "submit-message" });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    return chunks;
  },
  open: async (c) => {
    chats.set(c.as, new Chat({ id: c.chat, messages: c.messages, transport: await made(c) }));
    return null;
  },
  send: (c) => {
    const chat = chats.get(c.as);
    chat.pending = chat.sendMessage({ text: c.text, messageId: c.messageId });
    return null;
  },
  regenerate: (c) => {
    const chat = chats.get(c.as);
    chat.pending = chat.regenerate({ messageId: c.messageId });
    return null;
  },
  resume: (c) => {
    const chat = chats.get(c.as);
    chat.pending = chat.resumeStream();
    return null;
  },
  stop: async (c) => { await chats.get(c.as).stop(); return null; },
  until: async (c) => {
    const chat = chats.get(c.as);
    const began = Date.now();
    while (report(chat).text.length < c.characters) {
      if (Date.now() - began > 120_000) throw new Error(`no ${c.characters} characters: ${JSON.stringify(report(chat))}`);
      await new Promise((done) => setTimeout(done, 5));
    }
    return report(chat);
  },
  settled: async (c) => {
    const chat = chats.get(c.as);
    const late = new Promise((_, fail) => setTimeout(() => fail(new Error(`not settled: ${JSON.stringify(report(chat))}`)), 120_000).unref());
    await Promise.race([chat.pending, late]);
    return report(chat);
  },
  report: (c) => report(chats.get(c.as)),
  page: async (c) => {
    const { comeBack, history } = await import(c.recipe);
    const way = { headers: { cookie: cookie(c.visitor ?? "one") } };
    const begun = await history(base, c.chat, way);
    const chat = new Chat({ id: c.chat, messages: begun.messages, transport: await made(c) });
    chats.set(c.as, chat);
    const setMessages = (change) => { chat.messages = change(chat.messages); };
    chat.lost = () => {
      chat.pending = comeBack(base, { id: c.chat, setMessages, resumeStream: () => chat.resumeStream() }, way);
    };
    if (begun.going) chat.pending = chat.resumeStream();
    return { going: begun.going, messages: begun.messages };
  },
  quiet: async (c) => {
    const chat = chats.get(c.as);
    for (let last; last !== chat.pending; ) await (last = chat.pending);
    return report(chat);
  },
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  let answer;
  try { answer = { value: (await commands[command.do](command)) ?? null }; }
  catch (error) { answer = { failed: `${error?.stack ?? error}` }; }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0);
