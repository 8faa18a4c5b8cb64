/** The follower where there are no sockets: event streams, a turn at a time, each event once and in order. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Live } from "../src/protocol/live.ts";
import { type SseMessage, sseParser } from "../src/protocol/sse.ts";
import { reader } from "./wire.ts";

let live: Live;

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  live.close();
  vi.useRealTimers();
});

/** A follower that may open no socket. */
function without(asking: typeof fetch, onDismissed?: () => void): Live {
  return new Live({
    base: "http://host",
    openSocket: () => {
      throw new Error("refused by policy");
    },
    fetch: asking,
    random: () => 1,
    ...(onDismissed ? { onDismissed } : {}),
  });
}

describe("a follower without sockets", () => {
  function body(text: string, close: boolean): Response {
    const bytes = new TextEncoder().encode(text);
    return new Response(
      new ReadableStream({
        start(controller) {
          controller.enqueue(bytes);
          if (close) controller.close();
        },
      }),
    );
  }

  it("falls back to event streams, resumes there, and ends", async () => {
    const asked: string[] = [];
    const answers = [
      body('id: 0\ndata: "a"\n\nid: 1\ndata: "b"\n\nevent: reconnect\ndata: {"after_ms":50}\n\n', true),
      body('id: 2\ndata: "c"\n\nevent: end\ndata: {"next":3}\n\n', false),
    ];
    live = without((url) => {
      asked.push(String(url));
      return Promise.resolve(answers[asked.length - 1]!);
    });
    const sink = reader();
    live.follow("runs/run_1", -1, sink);
    for (let i = 0; i < 40 && !sink.ended; i++) await vi.advanceTimersByTimeAsync(100);
    expect(asked).toEqual([
      "http://host/api/runs/run_1/events?after=-1",
      "http://host/api/runs/run_1/events?after=1",
    ]);
    expect(sink.seen.map(([, event]) => event)).toEqual(["a", "b", "c"]);
    expect(sink.ended).toBe(true);
  });
});

describe("a follower by event streams", () => {
  it("gives its connection back after a moment and goes on from its place, connected all the while", async () => {
    const asked: string[] = [];
    live = without((url, init) => {
      asked.push(String(url).split("?")[1] ?? "now");
      const offset = asked.length + 6;
      return Promise.resolve(
        new Response(
          new ReadableStream({
            start(controller) {
              const text = `event: open\ndata: {"after":6}\n\nid: ${offset}\ndata: "e${offset}"\n\n`;
              controller.enqueue(new TextEncoder().encode(text));
              init?.signal?.addEventListener("abort", () => controller.error(new Error("aborted")));
            },
          }),
        ),
      );
    });
    const sink = reader();
    let breaks = 0;
    live.watch(() => {
      if (!live.connected) breaks++;
    });
    live.follow("feed", undefined, sink);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(asked.slice(0, 3)).toEqual(["now", "after=7", "after=8"]);
    expect(sink.seen.slice(0, 3)).toEqual([
      [7, "e7"],
      [8, "e8"],
      [9, "e9"],
    ]);
    expect(sink.ready).toEqual([true]);
    expect(breaks).toBe(0);
  });
});

describe("a follower by event streams of which little comes at a time", () => {
  /** An answer whose bytes come one piece each second, and which breaks when it is let go of. */
  function dribbling(pieces: string[], init?: RequestInit): Response {
    return new Response(
      new ReadableStream({
        start(controller) {
          const left = [...pieces];
          const timer = setInterval(() => {
            const piece = left.shift();
            if (piece === undefined) clearInterval(timer);
            else controller.enqueue(new TextEncoder().encode(piece));
          }, 1000);
          init?.signal?.addEventListener("abort", () => {
            clearInterval(timer);
            controller.error(new Error("aborted"));
          });
        },
      }),
    );
  }

  it("gets an event that takes longer than its turn", async () => {
    const large = "x".repeat(80);
    const text = `id: 0\ndata: "${large}"\n\n`;
    const pieces = text.match(/.{1,10}/gs)!;
    const asked: string[] = [];
    live = without((url, init) => {
      asked.push(String(url).split("?")[1]!);
      return Promise.resolve(dribbling(pieces, init));
    });
    const sink = reader();
    live.follow("runs/run_1", -1, sink);
    await vi.advanceTimersByTimeAsync(13_000);
    expect(sink.seen).toEqual([[0, large]]);
    expect(asked).toEqual(["after=-1", "after=0"]);
  });

  it("takes a connection that stands still within an event for lost", async () => {
    let asked = 0;
    live = without((_, init) => {
      asked++;
      return Promise.resolve(dribbling(["id: 0\nda"], init));
    });
    live.follow("runs/run_1", -1, reader());
    await vi.advanceTimersByTimeAsync(20_000);
    expect(asked).toBe(1);
    await vi.advanceTimersByTimeAsync(20_000);
    expect(asked).toBe(2);
  });

  it("does not come back with a session that is over", async () => {
    let asked = 0;
    let dismissed = 0;
    const error = { code: "unauthorized:session", message: "No.", status: 401, retryable: false };
    live = without(
      () => {
        asked++;
        return Promise.resolve(new Response(JSON.stringify({ error }), { status: 401 }));
      },
      () => {
        dismissed++;
      },
    );
    const sink = reader();
    live.follow("runs/run_1", -1, sink);
    await vi.advanceTimersByTimeAsync(20_000);
    expect([asked, dismissed, sink.error]).toEqual([1, 1, undefined]);
  });
});

describe("an event stream's text", () => {
  it("is the same however it is cut", () => {
    const text = ': hi\n\nid: 1\ndata: {"a":"é"}\n\nevent: end\r\ndata: x\r\ndata: y\r\n\r\n';
    const whole: SseMessage[] = [];
    sseParser((message) => whole.push(message))(text);
    expect(whole).toEqual([
      { event: "message", data: '{"a":"é"}', id: "1" },
      { event: "end", data: "x\ny", id: undefined },
    ]);
    for (let size = 1; size < 9; size++) {
      const cut: SseMessage[] = [];
      const parse = sseParser((message) => cut.push(message));
      for (let at = 0; at < text.length; at += size) parse(text.slice(at, at + size));
      expect(cut).toEqual(whole);
    }
  });
});
