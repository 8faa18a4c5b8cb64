// The chat transports of the published packages, each made for one visitor, whose cookie it keeps.
import { createDurableChatTransport } from "@durable-streams/aisdk-transport";

const jars = new Map();

export const cookie = (name, value) => (value ? jars.set(name, value) && value : (jars.get(name) ?? null));

/** A fetch that keeps the visitor's cookie, and can turn a broken body into the error that browsers give. */
export function visitor(name, browserLike = false) {
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

let reading = false;

/** The client of Durable Streams reads with the fetch that all have; from now on as a browser's does. */
function readLikeABrowser() {
  const own = globalThis.fetch;
  if (reading) return;
  reading = true;
  globalThis.fetch = async (url, init) => {
    const response = await own(url, init);
    if (response.body === null || !String(url).includes("/v1/stream/")) return response;
    return new Response(likeABrowser(response.body), response);
  };
}

/** Asks again while the server is away, as a page that waits for it would. */
function patient(name) {
  const once = visitor(name);
  return async (url, init = {}) => {
    for (let tries = 0; ; tries++) {
      try { return await once(url, init); }
      catch (error) { if (init.method === "POST" || tries === 1800) throw error; }
      await new Promise((done) => setTimeout(done, 100));
    }
  };
}

/** A browser sends its cookies with the handshake; Node's socket is told to. */
const socketOf = (name) => class extends WebSocket {
  constructor(url, protocols) { super(url, { protocols, headers: jars.has(name) ? { cookie: jars.get(name) } : {} }); }
};

const kinds = {
  default: (ai, { base, who, headers, extra, browserLike, replay }) => new ai.DefaultChatTransport({
    api: `${base}/api/chat`,
    fetch: visitor(who, browserLike),
    headers,
    body: extra,
    ...(replay === undefined ? {} : { resumeStreamIsReplay: replay }),
  }),
  socket: (ai, { base, who, headers, extra }) => new ai.WebSocketChatTransport({
    url: `${base}/api/chat/ws`, webSocket: socketOf(who), headers, body: extra,
  }),
  workflow: async (ai, { base, who, extra, bare, startIndex, onRun }) => {
    const { WorkflowChatTransport } = await import("@ai-sdk/workflow/client");
    const whole = ({ id, messages, trigger, messageId, body }) => ({ body: { ...extra, ...body, id, messages, trigger, messageId } });
    return new WorkflowChatTransport({
      api: `${base}/api/chat`,
      fetch: patient(who),
      initialStartIndex: startIndex,
      onChatSendMessage: (response) => onRun?.(response.headers.get("x-workflow-run-id")),
      ...(bare ? {} : { prepareSendMessagesRequest: whole }),
    });
  },
  durable: (ai, { base, who, headers, extra, browserLike }) => {
    if (browserLike) readLikeABrowser();
    const made = createDurableChatTransport({ api: `${base}/api/durable/chat`, headers, fetchClient: visitor(who) });
    // It takes no body of its own, so that what goes with each message is given here.
    return { ...made, resumeStreamIsReplay: true, sendMessages: (options) => made.sendMessages({ ...options, body: { ...extra, ...options.body } }) };
  },
};

/** The transport that a command asks for. */
export const transport = (ai, base, { kind = "default", visitor: who = "one", declare, model, body, ...more }) => kinds[kind](ai, {
  base,
  who,
  headers: declare ? { "x-ai-sdk-version": String(declare) } : {},
  extra: { model, ...body },
  ...more,
});
