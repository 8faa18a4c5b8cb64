/** The page's follower, given the shared scripts of frames, asks what they have it ask and makes their messages. */

import { readdirSync, readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Event, Part } from "../src/protocol/events.ts";
import { Fold } from "../src/protocol/fold.ts";
import { Live } from "../src/protocol/live.ts";
import { Wire } from "./wire.ts";

type Step =
  | { server: { type: string } }
  | { client: object }
  | { cut: true }
  | { close: number }
  | { wait_ms: number }
  | { away_ms: number }
  | { do: object };

interface Script {
  about: string;
  sides: string[];
  follow?: { stream: string; after?: number };
  steps: Step[];
  parts?: Part[];
}

const folder = new URL("../../protocol/fixtures/live/", import.meta.url);
const scripts = readdirSync(folder)
  .map((name): [string, Script] => [name, JSON.parse(readFileSync(new URL(name, folder), "utf8"))])
  .filter(([, script]) => script.sides.includes("client"));

/** Both ends of a script: the follower on one, the script on the other. */
class Replay {
  readonly events: unknown[] = [];
  ended = false;
  private readonly live: Live;
  private readonly heard = new Map<Wire, number>();

  constructor({ follow = { stream: "runs/$run", after: -1 } }: Script) {
    this.live = new Live({
      base: "http://host",
      openSocket: () => new Wire() as unknown as WebSocket,
      fetch: () => Promise.reject(new TypeError("no network")),
      random: () => 1,
    });
    this.live.follow(follow.stream, follow.after, {
      onEvents: (events, offset) => {
        expect(offset).toBe(this.events.length);
        this.events.push(...events);
      },
      onEnd: () => {
        this.ended = true;
      },
    });
  }

  play(step: Step): void {
    if ("server" in step) this.say(step.server);
    else if ("client" in step) this.hear(step.client);
    else if ("wait_ms" in step) this.wait(step.wait_ms);
    else if ("away_ms" in step) this.stayAway(step.away_ms);
    else if ("cut" in step || "close" in step) {
      this.wire.readyState = 3;
      this.wire.onclose?.({ code: "close" in step ? step.close : 1006 });
    }
  }

  /** The follower said no more than the script has it say. */
  finish(): void {
    for (const wire of Wire.all) expect(wire.sent.length).toBe(this.heard.get(wire) ?? 0);
    this.live.close();
  }

  private get wire(): Wire {
    return Wire.all.at(-1)!;
  }

  private say(frame: { type: string }): void {
    if (frame.type === "hello") {
      for (let waited = 0; this.wire.readyState === 3 && waited < 10_000; waited += 10)
        vi.advanceTimersByTime(10);
      this.wire.readyState = 1;
    }
    this.wire.push(frame);
  }

  private hear(frame: object): void {
    const at = this.heard.get(this.wire) ?? 0;
    expect(this.wire.sent[at]).toEqual(frame);
    this.heard.set(this.wire, at + 1);
  }

  private stayAway(ms: number): void {
    const before = this.wire;
    vi.advanceTimersByTime(ms);
    expect(this.wire).toBe(before);
  }

  private wait(ms: number): void {
    const before = this.wire;
    vi.advanceTimersByTime(ms - 1);
    expect(this.wire).toBe(before);
    vi.advanceTimersByTime(1);
    expect(this.wire).not.toBe(before);
  }
}

beforeEach(() => {
  vi.useFakeTimers();
  Wire.all = [];
});

afterEach(() => {
  vi.useRealTimers();
});

describe("the follower plays its part of a shared script", () => {
  it("and there are some", () => {
    expect(scripts.length).toBeGreaterThan(5);
  });
  it.each(scripts)("%s", (_, script) => {
    const replay = new Replay(script);
    for (const step of script.steps) replay.play(step);
    replay.finish();
    if (!script.parts) return;
    const fold = new Fold();
    for (const event of replay.events) fold.apply(event as Event);
    expect(fold.snapshot()).toEqual(script.parts);
    expect(replay.ended).toBe(true);
  });
});
