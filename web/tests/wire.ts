/** The server's end of a follower's sockets, and a reader that notes all that it is given. */

/** A socket whose other end is the test. */
export class Wire {
  static all: Wire[] = [];
  readyState = 0;
  sent: { type: string; id: string; stream?: string; after?: number }[] = [];
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;
  onerror: (() => void) | null = null;

  constructor(readonly url = "") {
    Wire.all.push(this);
  }
  send(text: string) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.readyState = 3;
  }
  push(frame: unknown) {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }
  hello(heartbeat_ms = 15_000) {
    this.readyState = 1;
    this.push({ type: "hello", heartbeat_ms });
  }
  break(code = 1006) {
    this.readyState = 3;
    this.onclose?.({ code });
  }
  subscriptions() {
    return this.sent.filter((frame) => frame.type === "subscribe");
  }
  /** The newest subscription of a stream. */
  asked(stream: string) {
    return this.subscriptions().findLast((frame) => frame.stream === stream);
  }
}

/** The newest socket. */
export function last(): Wire {
  return Wire.all.at(-1)!;
}

export function reader() {
  const seen: [number, unknown][] = [];
  return {
    seen,
    ended: false,
    error: undefined as unknown,
    ready: [] as boolean[],
    onEvents(events: unknown[], offset: number) {
      events.forEach((event, at) => {
        seen.push([offset + at, event]);
      });
    },
    onEnd() {
      this.ended = true;
    },
    onError(error: unknown) {
      this.error = error;
    },
    onReady(fromNow: boolean) {
      this.ready.push(fromNow);
    },
  };
}
