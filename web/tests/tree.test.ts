/** The branch that is shown, its siblings, and the rows that a thread makes of it. */

import { describe, expect, it } from "vitest";
import type { Message } from "../src/protocol/types.ts";
import type { Pending } from "../src/state/outbox.ts";
import { branchTo, newestLeaf, treeOf } from "../src/state/tree.ts";
import { activeAnswer, followedRuns, rowsOf } from "../src/thread/rows.ts";

function message(id: string, parent_id: string | null, fields: Partial<Message> = {}): Message {
  const role = id.startsWith("q") ? "user" : "assistant";
  const parts = [{ type: "text", text: id }];
  return {
    id,
    role,
    parent_id,
    parts,
    created_at: 0,
    metadata: {},
    status: "completed",
    run_id: null,
    ...fields,
  };
}

// q1 - a1 - q2 - a2
//    \ a1b      \ a2b (newer)
// q1b - b1
const LIST = [
  message("q1", null),
  message("a1", "q1"),
  message("q2", "a1"),
  message("a2", "q2"),
  message("a1b", "q1"),
  message("q1b", null),
  message("b1", "q1b"),
  message("a2b", "q2"),
];

function ids(leaf: string | null): string[] {
  return branchTo(treeOf(LIST), leaf).map((node) => node.message.id);
}

function pending(fields: Partial<Pending>): Pending {
  return {
    key: "k1",
    conversation: "c",
    text: "hello",
    model: null,
    under: "a2",
    parentId: null,
    edits: null,
    state: "sending",
    error: null,
    at: 0,
    ...fields,
  };
}

describe("a branch", () => {
  it("leads from the beginning to the chosen leaf", () => {
    expect(ids("a2")).toEqual(["q1", "a1", "q2", "a2"]);
    expect(ids("a1b")).toEqual(["q1", "a1b"]);
    expect(ids("b1")).toEqual(["q1b", "b1"]);
  });

  it("is the newest where no leaf is known", () => {
    expect(ids(null)).toEqual(["q1b", "b1"]);
    expect(ids("gone")).toEqual(["q1b", "b1"]);
    expect(branchTo(treeOf([]), null)).toEqual([]);
  });

  it("tells of each message which versions there are", () => {
    const [first, answer, , last] = branchTo(treeOf(LIST), "a2");
    expect([first!.index, first!.siblings.length]).toEqual([0, 2]);
    expect([answer!.index, answer!.siblings.map((item) => item.id)]).toEqual([0, ["a1", "a1b"]]);
    expect([last!.index, last!.siblings.length]).toEqual([0, 2]);
  });

  it("goes on to the newest of what follows a chosen version, so that nothing later is hidden", () => {
    const tree = treeOf(LIST);
    expect(newestLeaf(tree, "a1")).toBe("a2b");
    expect(newestLeaf(tree, "q1b")).toBe("b1");
  });

  it("treats a message whose parent is not there as a beginning", () => {
    expect(branchTo(treeOf([message("q9", "lost")]), "q9").map((node) => node.message.id)).toEqual(["q9"]);
  });
});

describe("rows", () => {
  const data = { items: LIST, leaf_id: "a2" };

  it("show what is on its way, with a place for its answer", () => {
    const rows = rowsOf(data, [pending({})]);
    expect(rows.slice(-2).map((row) => [row.kind, row.key])).toEqual([
      ["pending", "k1"],
      ["awaited", "k1:answer"],
    ]);
  });

  it("keep their names when the server has named the messages", () => {
    const arrived = [
      message("q3", "a2", { client_id: "k1" }),
      message("a3", "q3", { status: "streaming", run_id: "r" }),
    ];
    const rows = rowsOf({ items: [...LIST, ...arrived], leaf_id: "a3" }, [pending({})]);
    expect(rows.slice(-2).map((row) => [row.kind, row.key])).toEqual([
      ["message", "k1"],
      ["message", "k1:answer"],
    ]);
  });

  it("put an edit in the place of what it edits", () => {
    const rows = rowsOf(data, [pending({ edits: "q2", under: "a1" })]);
    expect(rows.map((row) => row.key)).toEqual(["q1", "a1", "k1", "k1:answer"]);
    expect(rowsOf(data, [pending({ edits: "q1", under: null })]).map((row) => row.key)).toEqual([
      "k1",
      "k1:answer",
    ]);
  });

  it("follow what grows, not what waits behind it", () => {
    const more = [
      message("q3", "a2"),
      message("a3", "q3", { status: "streaming", run_id: "r3", parts: [] }),
      message("q4", "a3"),
      message("a4", "q4", { status: "queued", run_id: "r4", parts: [] }),
    ];
    const rows = rowsOf({ items: [...LIST, ...more], leaf_id: "a4" }, []);
    expect(followedRuns(rows)).toEqual(["r3"]);
    expect(activeAnswer(rows)?.id).toBe("a3");
    expect(rows.map((row) => row.kind === "message" && row.waits)).toEqual([...Array(7).fill(false), true]);
  });
});
