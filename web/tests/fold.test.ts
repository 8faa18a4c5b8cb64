/** The fold on the page says the same as the fold on the server: both read the same fixtures. */

import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Event, Part } from "../src/protocol/events.ts";
import { Fold } from "../src/protocol/fold.ts";
import { partialJson } from "../src/protocol/partial-json.ts";

const folder = new URL("../../protocol/fixtures/fold/", import.meta.url);

interface Fixture {
  events: Event[];
  parts: Part[];
}

function load(name: string): Fixture {
  return JSON.parse(readFileSync(new URL(name, folder), "utf8"));
}

function foldAll(events: Event[]): Fold {
  const fold = new Fold();
  for (const event of events) fold.apply(event);
  return fold;
}

/** As JSON has it. */
function plain(fold: Fold): unknown {
  return JSON.parse(JSON.stringify(fold.snapshot()));
}

describe("a fold of the shared fixtures", () => {
  for (const name of readdirSync(folder).filter((file) => file.endsWith(".json"))) {
    const { events, parts } = load(name);
    it(`${name} gives the parts that the server gives`, () => {
      const fold = foldAll(events);
      expect(fold.snapshot()).toEqual(parts);
      expect(fold.count).toBe(events.length);
    });
    it(`${name} gives the same however often it is looked at`, () => {
      const fold = new Fold();
      const seen: [readonly Part[], string][] = [];
      for (const event of events) {
        fold.apply(event);
        const parts = fold.snapshot();
        seen.push([parts, JSON.stringify(parts)]);
      }
      expect(fold.snapshot()).toEqual(parts);
      for (const [parts, then] of seen) expect(JSON.stringify(parts)).toBe(then);
    });
  }
});

describe("a fold of the shared sequences", () => {
  const sequences: Fixture[] = JSON.parse(readFileSync(new URL("../sequences.json", folder), "utf8"));
  it("gives the parts that the AI SDK gives, also when it is looked at after every event", () => {
    for (const { events, parts } of sequences) {
      expect(plain(foldAll(events))).toEqual(parts);
      const looked = new Fold();
      for (const event of events) {
        looked.apply(event);
        looked.snapshot();
      }
      expect(plain(looked)).toEqual(parts);
    }
  });
});

describe("identity", () => {
  it("of finished parts is kept while another part grows", () => {
    const fold = foldAll(load("tool-ok.json").events.slice(0, 11));
    const before = fold.snapshot();
    fold.apply({ type: "text-start", id: "p9" });
    fold.apply({ type: "text-delta", id: "p9", delta: "more" });
    const after = fold.snapshot();
    expect(after).not.toBe(before);
    before.forEach((part, at) => {
      expect(after[at]).toBe(part);
    });
  });

  it("of the whole is kept while nothing changes", () => {
    const fold = foldAll(load("text.json").events);
    const before = fold.snapshot();
    fold.apply({ type: "data-recovery", data: {}, transient: true });
    expect(fold.snapshot()).toBe(before);
  });
});

describe("a beginning of a JSON text", () => {
  const cases: [string, unknown][] = [
    ["", null],
    ["{", {}],
    ['{"a', {}],
    ['{"a":', {}],
    ['{"a":1', { a: 1 }],
    ['{"a":12.', { a: 12 }],
    ['{"a":-', {}],
    ['{"a":1e', { a: 1 }],
    ['{"a":1,', { a: 1 }],
    ['{"a":tr', { a: true }],
    ['{"a":null', { a: null }],
    ['{"a":"x', { a: "x" }],
    ['{"a":"x\\', { a: "x" }],
    ['{"a":"x\\u00', { a: "x" }],
    ['{"a":"x\\u00e9', { a: "xé" }],
    ['{"a":"\\ud83d', { a: "" }],
    ['{"a":"\\ud83d\\ude00', { a: "😀" }],
    ["[1,2", [1, 2]],
    ["[[1,2],[3", [[1, 2], [3]]],
    ['{"a":{"b":[1,{"c":"d', { a: { b: [1, { c: "d" }] } }],
    ['"abc', "abc"],
    ["12", 12],
    ["tru", true],
    ["nope", null],
    ["{a", null],
    ['{"a":1}x', { a: 1 }],
    ['{"a":"tab\there', null],
    ['{"a":1e5', { a: 100000 }],
  ];
  it.each(cases)("%j says what the server's parser says", (text, value) => {
    expect(partialJson(text)).toEqual(value);
  });

  it("agrees with JSON.parse on whole texts", () => {
    const value = { a: [1, -2.5e3, 'q"\\/\b\n', null, true, { __proto__x: {} }], "": "é😀" };
    expect(partialJson(JSON.stringify(value))).toEqual(value);
  });
});
