/** The follower over sockets delivers each event once and in order, whatever happens to the connection. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Live } from "../src/protocol/live.ts";
import { last, reader, Wire } from "./wire.ts";

let live: Live;

beforeEach(() => {
  vi.useFakeTimers();
  Wire.all = [];
  live = new Live({
    base: "http://host",
    openSocket: (url) => new Wire(url) as unknown as WebSocket,
    fetch: () => Promise.reject(new TypeError("no network")),
    random: () => 1,
  });
});

afterEach(() => {
  live.close();
  vi.useRealTimers();
});

describe("a follower over a socket", () => {
  it("asks for a stream from its start and delivers it", () => {
    const sink = reader();
    live.follow("runs/run_1", -1, sink);
    expect(last().url).toBe("ws://host/api/live");
    last().hello();
    expect(last().sent).toEqual([{ type: "subscribe", id: "s1", stream: "runs/run_1", after: -1 }]);
    last().push({ type: "events", id: "s1", offset: 0, events: ["a", "b"] });
    last().push({ type: "end", id: "s1", next: 2 });
    expect(sink.seen).toEqual([
      [0, "a"],
      [1, "b"],
    ]);
    expect(sink.ended).toBe(true);
  });

  it("resumes after the last offset when the connection breaks, and drops what it has seen", () => {
    const sink = reader();
    live.follow("runs/run_1", -1, sink);
    last().hello();
    last().push({ type: "events", id: "s1", offset: 0, events: ["a", "b"] });
    const first = last();
    first.break();
    expect(live.connected).toBe(false);
    vi.advanceTimersByTime(300);
    expect(last()).not.toBe(first);
    last().hello();
    expect(last().subscriptions()).toEqual([{ type: "subscribe", id: "s2", stream: "runs/run_1", after: 1 }]);
    last().push({ type: "events", id: "s1", offset: 2, events: ["stale id"] });
    last().push({ type: "events", id: "s2", offset: 0, events: ["a", "b", "c"] });
    last().push({ type: "events", id: "s2", offset: 1, events: ["b"] });
    expect(sink.seen.map(([, event]) => event)).toEqual(["a", "b", "c"]);
  });

  it("asks again when events are missing between two frames, or before the end", () => {
    const sink = reader();
    live.follow("runs/run_1", -1, sink);
    last().hello();
    last().push({ type: "events", id: "s1", offset: 1, events: ["b"] });
    expect(sink.seen).toEqual([]);
    expect(last().subscriptions().at(-1)).toMatchObject({ id: "s2", after: -1 });
    last().push({ type: "events", id: "s2", offset: 0, events: ["a"] });
    last().push({ type: "end", id: "s2", next: 2 });
    expect(sink.ended).toBe(false);
    expect(last().subscriptions().at(-1)).toMatchObject({ id: "s3", after: 0 });
    last().push({ type: "events", id: "s3", offset: 1, events: ["b"] });
    last().push({ type: "end", id: "s3", next: 2 });
    expect(sink.seen.map(([, event]) => event)).toEqual(["a", "b"]);
    expect(sink.ended).toBe(true);
  });

  it("follows the feed from now, and from its own place after a loss", () => {
    const sink = reader();
    live.follow("feed", undefined, sink);
    last().hello();
    expect(last().sent[0]).toEqual({ type: "subscribe", id: "s1", stream: "feed" });
    last().push({ type: "subscribed", id: "s1", stream: "feed", after: 41 });
    last().break();
    vi.advanceTimersByTime(300);
    last().hello();
    expect(last().sent[0]).toMatchObject({ stream: "feed", after: 41 });
    last().push({ type: "subscribed", id: "s2", stream: "feed", after: 41 });
    expect(sink.ready).toEqual([true, false]);
  });

  it("comes back after the time that a reconnect notice names", () => {
    live.follow("runs/run_1", -1, reader());
    last().hello();
    const first = last();
    first.push({ type: "reconnect", after_ms: 700 });
    first.break();
    vi.advanceTimersByTime(699);
    expect(last()).toBe(first);
    vi.advanceTimersByTime(1);
    expect(last()).not.toBe(first);
  });

  it("is not hurried by the page when a reconnect notice named the time", () => {
    live.follow("runs/run_1", -1, reader());
    last().hello();
    const first = last();
    first.push({ type: "reconnect", after_ms: 700 });
    first.break(1012);
    live.wake();
    live.follow("runs/run_2", -1, reader());
    vi.advanceTimersByTime(699);
    expect(last()).toBe(first);
    vi.advanceTimersByTime(1);
    expect(last()).not.toBe(first);
  });

  it("does not come back with what was refused until there is another session", () => {
    let asked = 0;
    live = new Live({
      base: "http://host",
      openSocket: (url) => new Wire(url) as unknown as WebSocket,
      random: () => 1,
      onDismissed: () => {
        asked++;
      },
    });
    const sink = reader();
    live.follow("runs/run_1", -1, sink);
    last().hello();
    const first = last();
    first.push({ type: "events", id: "s1", offset: 0, events: ["a"] });
    first.break(4401);
    expect(live.connected).toBe(false);
    live.wake();
    live.follow("runs/run_2", -1, reader());
    vi.advanceTimersByTime(60_000);
    expect(last()).toBe(first);
    expect(asked).toBe(1);
    live.renew();
    // Not at once: what is refused again and again is not asked for in a circle.
    expect(last()).toBe(first);
    vi.advanceTimersByTime(5_000);
    last().hello();
    expect(last().subscriptions()).toMatchObject([
      { stream: "runs/run_1", after: 0 },
      { stream: "runs/run_2" },
    ]);
  });

  it("takes a silent connection for lost", () => {
    live.follow("runs/run_1", -1, reader());
    last().hello(1000);
    const first = last();
    for (let i = 0; i < 5; i++) {
      vi.advanceTimersByTime(1000);
      first.push({ type: "ping" });
    }
    expect(live.connected).toBe(true);
    expect(first.sent.at(-1)).toEqual({ type: "pong" });
    vi.advanceTimersByTime(4_001);
    expect(live.connected).toBe(false);
    vi.advanceTimersByTime(500);
    expect(last()).not.toBe(first);
  });

  it("looks at once when the page wakes", () => {
    live.follow("runs/run_1", -1, reader());
    last().hello();
    const first = last();
    live.wake();
    expect(first.sent.at(-1)).toEqual({ type: "ping" });
    vi.advanceTimersByTime(3_001);
    expect(live.connected).toBe(false);
    live.wake();
    expect(last()).not.toBe(first);
  });

  it("waits longer after each failure, with an upper end", async () => {
    live.follow("runs/run_1", -1, reader());
    const waits: number[] = [];
    for (let at = Date.now(); waits.length < 7; at = Date.now()) {
      const count = Wire.all.length;
      last().break();
      while (Wire.all.length === count) await vi.advanceTimersByTimeAsync(10);
      waits.push(Date.now() - at);
    }
    expect(waits[0]).toBeLessThan(waits[3]!);
    expect(Math.max(...waits)).toBeLessThan(10_000);
  });

  it("tells of a refusal that stands, and keeps the other streams", () => {
    const bad = reader();
    const good = reader();
    live.follow("runs/run_1", -1, bad);
    live.follow("runs/run_2", -1, good);
    last().hello();
    last().push({
      type: "error",
      id: "s1",
      error: { code: "forbidden:live", message: "No.", status: 403, retryable: false },
    });
    last().push({ type: "events", id: "s2", offset: 0, events: ["x"] });
    expect(bad.error).toMatchObject({ status: 403 });
    expect(good.seen).toEqual([[0, "x"]]);
  });

  it("does not ask again for what is not there", () => {
    const sink = reader();
    live.follow("runs/run_1", -1, sink);
    last().hello();
    const error = { code: "not_found:run", message: "No.", status: 404, retryable: false };
    last().push({ type: "error", id: "s1", error });
    vi.advanceTimersByTime(2_000);
    expect(last().subscriptions().length).toBe(1);
    expect(sink.error).toMatchObject({ status: 404 });
  });

  it("does not ask again for a stream that was let go while it waited for another try", () => {
    const stop = live.follow("runs/run_1", -1, reader());
    last().hello();
    const error = { code: "unavailable:live", message: "No.", status: 503, retryable: true };
    last().push({ type: "error", id: "s1", error });
    stop();
    live.follow("runs/run_1", -1, reader());
    vi.advanceTimersByTime(2_000);
    expect(
      last()
        .subscriptions()
        .map((frame) => frame.id),
    ).toEqual(["s1", "s2"]);
  });

  it("sends nothing more for a stream that was let go", () => {
    const sink = reader();
    const stop = live.follow("runs/run_1", -1, sink);
    last().hello();
    stop();
    expect(last().sent.at(-1)).toEqual({ type: "unsubscribe", id: "s1" });
    last().push({ type: "events", id: "s1", offset: 0, events: ["x"] });
    expect(sink.seen).toEqual([]);
  });
});

describe("a follower in bad weather", () => {
  /** The same "random" numbers each time (mulberry32). */
  function dice(seed: number) {
    let state = seed;
    return (below: number) => {
      state = (state + 0x6d2b79f5) | 0;
      let t = Math.imul(state ^ (state >>> 15), 1 | state);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below);
    };
  }

  it.each([...Array(40).keys()])("gets each event once and in order, round %i", async (seed) => {
    const roll = dice(seed + 1);
    const log = Array.from({ length: 30 + roll(60) }, (_, at) => `e${at}`);
    const sink = reader();
    live.follow("runs/run_1", -1, sink);
    for (let step = 0; step < 3000 && !sink.ended; step++) {
      const wire = last();
      if (wire.readyState === 3) await vi.advanceTimersByTimeAsync(100);
      else if (wire.readyState === 0) roll(4) === 0 ? wire.break() : wire.hello();
      else {
        const asked = wire.subscriptions();
        const now = asked.at(-1) as { id: string; after: number };
        const from = Math.max(
          0,
          Math.min(log.length, now.after + 1 + roll(7) - 3 + roll(2) * sink.seen.length),
        );
        const events = log.slice(from, from + 1 + roll(6));
        const what = roll(12);
        if (what === 0) wire.break();
        else if (what === 1) wire.push({ type: "reconnect", after_ms: 50 });
        else if (what === 2) wire.push({ type: "end", id: now.id, next: log.length });
        else if (events.length > 0) wire.push({ type: "events", id: now.id, offset: from, events });
      }
    }
    expect(sink.ended).toBe(true);
    expect(sink.seen).toEqual(log.map((event, at) => [at, event]));
  });
});
