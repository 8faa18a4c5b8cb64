/** Answers while they are written: held, folded, painted at most once a frame and never later than 50 ms. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Event } from "../src/protocol/events.ts";
import type { Live, Sink } from "../src/protocol/live.ts";
import { endOf, Runs } from "../src/state/runs.ts";

/** A follower of which the test is the server. */
class Source {
  sink: Sink<Event> | null = null;
  asked: [string, number | undefined][] = [];
  stopped = 0;

  follow(stream: string, after: number | undefined, sink: Sink<Event>) {
    this.asked.push([stream, after]);
    this.sink = sink;
    return () => {
      this.stopped++;
    };
  }
}

let source: Source;
let runs: Runs;

beforeEach(() => {
  vi.useFakeTimers();
  source = new Source();
  runs = new Runs(source as unknown as Live);
});

afterEach(() => {
  vi.useRealTimers();
});

const begin: Event[] = [{ type: "start" }, { type: "text-start", id: "p0" }];

function say(delta: string): Event {
  return { type: "text-delta", id: "p0", delta };
}

describe("a run", () => {
  it("is painted once for all that came within a frame", () => {
    const store = runs.of("run_1");
    const release = store.hold();
    let paints = 0;
    store.watch(() => {
      paints++;
    });
    source.sink!.onEvents(begin, 0);
    for (let at = 0; at < 30; at++) source.sink!.onEvents([say(`${at} `)], at + 2);
    expect(paints).toBe(0);
    vi.advanceTimersByTime(50);
    expect(paints).toBe(1);
    expect(store.get().parts[0]).toMatchObject({ type: "text", state: "streaming" });
    expect(String(store.get().parts[0]!.text)).toContain("29");
    release();
  });

  it("is followed while it is held, and goes on from its place when it is held again", () => {
    const store = runs.of("run_1");
    const first = store.hold();
    const second = store.hold();
    source.sink!.onEvents([...begin, say("a")], 0);
    first();
    first();
    expect(source.stopped).toBe(0);
    second();
    expect(source.stopped).toBe(1);
    store.hold();
    expect(source.asked).toEqual([
      ["runs/run_1", -1],
      ["runs/run_1", 2],
    ]);
  });

  it("tells once that it is whole, and how it ended", () => {
    const ends: string[] = [];
    runs.onFinish = (run, view) => ends.push(`${run} ${endOf(view)}`);
    runs.of("run_1").hold();
    source.sink!.onEvents([...begin, say("a"), { type: "abort" }, { type: "finish" }], 0);
    vi.advanceTimersByTime(100);
    runs.of("run_2").hold();
    source.sink!.onEvents([{ type: "start" }, { type: "error", errorText: "No." }, { type: "finish" }], 0);
    vi.advanceTimersByTime(100);
    runs.of("run_3").hold();
    source.sink!.onEvents([{ type: "start" }, { type: "finish", finishReason: "interrupted" }], 0);
    vi.advanceTimersByTime(100);
    expect(ends).toEqual(["run_1 stopped", "run_2 error", "run_3 interrupted"]);
    runs.of("run_1").hold();
    expect(source.asked.length).toBe(3);
  });

  it("is read from its start where what is here is not of it", () => {
    const store = runs.of("run_1");
    store.hold();
    source.sink!.onEvents([...begin, say("a")], 0);
    source.sink!.onError!({ code: "conflict:stream", message: "No.", status: 409, retryable: false });
    expect(source.asked.at(-1)).toEqual(["runs/run_1", -1]);
    source.sink!.onEvents([...begin, say("b"), { type: "finish" }], 0);
    vi.advanceTimersByTime(100);
    expect(store.get()).toMatchObject({ finished: true, errorText: null, parts: [{ text: "b" }] });
  });

  it("folds each event once, whoever delivers it again", () => {
    const store = runs.of("run_1");
    store.hold();
    source.sink!.onEvents([...begin, say("a")], 0);
    source.sink!.onEvents([...begin, say("a"), say("b")], 0);
    source.sink!.onEvents([say("b"), say("c")], 3);
    vi.advanceTimersByTime(100);
    expect(store.get().parts[0]!.text).toBe("abc");
  });
});

describe("the runs of a page", () => {
  it("forget a finished one once nobody looks at it", () => {
    const store = runs.of("run_1");
    const unwatch = store.watch(() => {});
    const release = store.hold();
    source.sink!.onEvents([...begin, say("a"), { type: "finish" }], 0);
    vi.advanceTimersByTime(100);
    release();
    expect(runs.known("run_1")).toMatchObject({ finished: true });
    unwatch();
    expect(runs.known("run_1")).toBeUndefined();
  });

  it("keep one that is left while it grows, until the server says that it has ended", () => {
    const release = runs.of("run_1").hold();
    source.sink!.onEvents([...begin, say("a")], 0);
    vi.advanceTimersByTime(100);
    release();
    expect(runs.known("run_1")).toBeDefined();
    runs.ended("run_1");
    expect(runs.known("run_1")).toBeUndefined();
  });

  it("ask once more for one that was refused when it has ended", () => {
    const store = runs.of("run_1");
    store.hold();
    source.sink!.onError!({ code: "unavailable:live", message: "No.", status: 503, retryable: true });
    expect(source.asked.length).toBe(1);
    runs.ended("run_1");
    expect(source.asked.length).toBe(2);
    source.sink!.onEvents([...begin, say("a"), { type: "finish" }], 0);
    vi.advanceTimersByTime(100);
    expect(store.get()).toMatchObject({ finished: true, errorText: null });
  });

  it("keep one that ended for as long as it is looked at", () => {
    const release = runs.of("run_1").hold();
    source.sink!.onEvents([...begin, say("a")], 0);
    runs.ended("run_1");
    source.sink!.onEvents([say("b"), { type: "finish" }], 3);
    vi.advanceTimersByTime(100);
    expect(runs.of("run_1").get().parts[0]!.text).toBe("ab");
    release();
    expect(runs.known("run_1")).toBeUndefined();
  });
});
