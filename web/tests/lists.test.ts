/** Conversations by day, and what events do to the lists. */

import { describe, expect, it } from "vitest";
import type { Conversation, Message } from "../src/protocol/types.ts";
import {
  answerOf,
  flatten,
  type Lists,
  removeConversation,
  settleRun,
  upsertConversation,
  upsertMessage,
} from "../src/state/cache.ts";
import { groupByDay } from "../src/state/groups.ts";

function conversation(id: string, updated_at: number, title: string | null = id): Conversation {
  return { id, title, status: "idle", model: null, leaf_id: null, created_at: 0, updated_at };
}

function lists(...pages: Conversation[][]): Lists {
  return { pages: pages.map((items) => ({ items, next: null })), pageParams: [] };
}

describe("groups by day", () => {
  it("follow the calendar, not the hours that have passed", () => {
    const now = new Date(2026, 10, 20, 0, 30);
    const at = (...date: [number, number, number, number]) => new Date(...date).getTime() / 1000;
    const items = [
      conversation("just now", at(2026, 10, 20, 0)),
      conversation("an hour ago", at(2026, 10, 19, 23)),
      conversation("this week", at(2026, 10, 15, 12)),
      conversation("this month", at(2026, 10, 1, 12)),
      conversation("in summer", at(2026, 6, 1, 12)),
      conversation("long ago", at(2024, 1, 3, 12)),
    ];
    expect(groupByDay(items, now).map((group) => group.label)).toEqual([
      "Today",
      "Yesterday",
      "Previous 7 days",
      "Previous 30 days",
      "July",
      "February 2024",
    ]);
  });
});

describe("the list of conversations", () => {
  it("shows each once, newest activity first, whatever pages say", () => {
    const shown = flatten(
      lists([conversation("b", 2), conversation("a", 1)], [conversation("a", 1), conversation("c", 3)]),
    );
    expect(shown.map((item) => item.id)).toEqual(["c", "b", "a"]);
  });

  it("takes a new one in, changes a known one, and lets a deleted one go", () => {
    const one = lists([conversation("a", 1)]);
    expect(flatten(upsertConversation(one, conversation("b", 2), true)).map((item) => item.id)).toEqual([
      "b",
      "a",
    ]);
    expect(upsertConversation(one, conversation("b", 2), false)).toBe(one);
    expect(flatten(upsertConversation(one, conversation("a", 5, "New name"), false))[0]?.title).toBe(
      "New name",
    );
    expect(flatten(removeConversation(one, "a"))).toEqual([]);
  });
});

describe("a conversation's messages", () => {
  const asked: Message = {
    id: "q1",
    role: "user",
    parts: [{ type: "text", text: "?" }],
    parent_id: null,
    created_at: 0,
    metadata: {},
    status: "completed",
    run_id: null,
  };
  const run = { id: "run_1", message_id: "a1", parent_id: "q1" };
  const begun = upsertMessage({ items: [asked], leaf_id: "q1" }, answerOf(run, "streaming", 0));

  it("end in a new one that continues the branch", () => {
    expect(begun.leaf_id).toBe("a1");
    expect(upsertMessage(begun, { ...asked, id: "q9" }).leaf_id).toBe("a1");
  });

  it("never lose what was seen to grow to an older word", () => {
    const parts = [{ type: "text", text: "Hello" }];
    const whole = settleRun(begun, "run_1", { status: "completed", parts });
    expect(whole.items[1]).toMatchObject({ status: "completed", parts });
    expect(settleRun(whole, "run_1", { status: "streaming" }).items[1]).toMatchObject({
      status: "completed",
      parts,
    });
    const late = upsertMessage(whole, answerOf(run, "queued", 0));
    expect(late.items[1]).toMatchObject({ status: "completed", parts });
  });

  it("stay as they are where a run is not known", () => {
    expect(settleRun(begun, "run_other", { status: "error" })).toBe(begun);
  });
});
