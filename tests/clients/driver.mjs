// Drives one major of the npm package `ai` by commands that come as JSON lines, and answers each with one JSON line.
import readline from "node:readline";

const [major, base] = process.argv.slice(2);
const ai = await import(`ai${major}`);
const jars = new Map();
const chats = new Map();

/** A fetch that keeps the visitor's cookie, and can turn a broken body into the error that browsers give. */
function visitor(name, browserLike = false) {
  return async (url, init = {}) => {
    const headers = new Headers(init.headers);
    if (jars.has(name)) headers.set("cookie", jars.get(name));
    const response = await fetch(url, { ...init, headers });
    for (const line of response.headers.getSetCookie()) jars.set(name, line.split(";")[0]);
    return browserLike && response.body !== null ? new Response(likeABrowser(response.body), response) : response;
  };
}

/** Node says "terminated" where browsers say "network error". */
function likeABrowser(body) {
  const reader = body.getReader();
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch {
        controller.error(new TypeError("network error"));
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
}

function transport({ visitor: name = "one", declare, browserLike, replay, model, body }) {
  return new ai.DefaultChatTransport({
    api: `${base}/api/chat`,
    fetch: visitor(name, browserLike),
    headers: declare ? { "x-ai-sdk-version": String(declare) } : {},
    body: { model, ...body },
    ...(replay === undefined ? {} : { resumeStreamIsReplay: replay }),
  });
}

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
    super({ id, transport, state, onError: (error) => this.seen.push(error.message), onFinish: (end) => { this.end = end; } });
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
  cookie: ({ visitor: name = "one", value }) => (value ? jars.set(name, value) && value : (jars.get(name) ?? null)),
  answer: async (c) => {
    const messages = c.messages ?? [userMessage(c.text, c.messageId)];
    const stream = await transport(c).sendMessages({
      chatId: c.chat, messages, trigger: c.trigger ?? "submit-message", messageId: c.regenerate, abortSignal: undefined,
    });
    return read(stream);
  },
  reconnect: async (c) => {
    const stream = await transport(c).reconnectToStream({ chatId: c.chat });
    return stream === null ? null : read(stream);
  },
  open: (c) => {
    chats.set(c.as, new Chat({ id: c.chat, messages: c.messages, transport: transport(c) }));
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
      if (Date.now() - began > 20_000) throw new Error(`no ${c.characters} characters: ${JSON.stringify(report(chat))}`);
      await new Promise((done) => setTimeout(done, 5));
    }
    return report(chat);
  },
  settled: async (c) => {
    const chat = chats.get(c.as);
    const late = new Promise((_, fail) => setTimeout(() => fail(new Error(`not settled: ${JSON.stringify(report(chat))}`)), 30_000).unref());
    await Promise.race([chat.pending, late]);
    return report(chat);
  },
  report: (c) => report(chats.get(c.as)),
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  let answer;
  try { answer = { value: (await commands[command.do](command)) ?? null }; }
  catch (error) { answer = { failed: `${error?.stack ?? error}` }; }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit(0);
