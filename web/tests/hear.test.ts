/** What the feed tells while something is read is in what was read; and the feed is followed whatever happens. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { FeedEvent } from "../src/protocol/types.ts";
import { flatten } from "../src/state/cache.ts";
import { answer, conversation, follow, openPage, question, run, settle, tell } from "./page.ts";
import { Wire } from "./wire.ts";

let page: Awaited<ReturnType<typeof openPage>>;

beforeEach(async () => {
  vi.useFakeTimers();
  page = await openPage();
});

afterEach(() => {
  page.live.close();
  page.queries.clear();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function titles(list: ReturnType<typeof page.showList>) {
  return flatten(list.getCurrentResult().data).map((item) => item.title);
}

describe("a list that is being read", () => {
  it("has what was made, renamed and deleted meanwhile", async () => {
    await page.start();
    const list = page.showList();
    await settle();
    await tell(
      { type: "conversation.created", conversation: conversation("new", { updated_at: 9 }) },
      { type: "conversation.updated", conversation: conversation("old", { title: "renamed" }) },
      { type: "conversation.deleted", id: "gone" },
    );
    page.requests.of("/conversations")[0]!.answer({
      items: [conversation("gone", { updated_at: 3 }), conversation("old", { updated_at: 2 })],
      next: null,
    });
    await settle();
    expect(titles(list)).toEqual(["new", "renamed"]);
  });

  it("is one read with all its pages, also where one more is fetched", async () => {
    await page.start();
    const list = page.showList();
    await settle();
    page.requests.of("/conversations")[0]!.answer({ items: [conversation("a")], next: "2" });
    await settle();
    void list.fetchNextPage();
    await settle();
    await tell({ type: "conversation.updated", conversation: conversation("a", { title: "one" }) });
    page.requests.of("cursor=2")[0]!.answer({ items: [conversation("b")], next: null });
    await settle();
    expect(titles(list)).toEqual(["one", "b"]);
    void list.refetch();
    await settle();
    page.requests
      .of("/conversations")
      .at(-1)!
      .answer({ items: [conversation("a")], next: "2" });
    await settle();
    await tell({ type: "conversation.updated", conversation: conversation("a", { title: "two" }) });
    page.requests.of("cursor=2")[1]!.answer({ items: [conversation("b")], next: null });
    await settle();
    expect(titles(list)).toEqual(["two", "b"]);
  });
});

describe("messages that are being read", () => {
  it("have what was said and begun meanwhile", async () => {
    await page.start();
    const messages = page.showMessages("c1");
    await settle();
    await tell(
      { type: "message.added", conversation_id: "c1", message: question("q1") },
      { type: "run.queued", run: run("a1", "queued") },
      { type: "run.started", run: run("a1", "running") },
    );
    page.requests.of("/messages")[0]!.answer({ items: [], next: null, leaf_id: null, runs: [] });
    await settle();
    const { items, leaf_id } = messages.getCurrentResult().data!;
    expect(items.map(({ id, status }) => [id, status])).toEqual([
      ["q1", "completed"],
      ["a1", "streaming"],
    ]);
    expect(leaf_id).toBe("a1");
  });

  it("are one read with all their pages", async () => {
    await page.start();
    const messages = page.showMessages("c1");
    await settle();
    page.requests
      .of("/messages")[0]!
      .answer({ items: [question("q1"), answer("a1")], next: "2", leaf_id: "a1", runs: [] });
    await settle();
    await tell({ type: "run.finished", run: run("a1", "error") });
    page.requests
      .of("cursor=2")[0]!
      .answer({ items: [question("q2", "a1")], next: null, leaf_id: "q2", runs: [] });
    await settle();
    expect(messages.getCurrentResult().data!.items.map((item) => item.status)).toEqual([
      "completed",
      "error",
      "completed",
    ]);
  });

  it("do not take an end back that was told while they were on their way", async () => {
    await page.start();
    const messages = page.showMessages("c1");
    await settle();
    const old = { items: [question("q1"), answer("a1")], next: null, leaf_id: "a1", runs: [] };
    page.requests.of("/messages")[0]!.answer(old);
    await settle();
    void messages.refetch();
    await settle();
    await tell({ type: "run.finished", run: run("a1", "completed") });
    page.requests.of("/messages")[1]!.answer(old);
    await settle();
    expect(messages.getCurrentResult().data!.items[1]!.status).toBe("completed");
  });

  it("show an answer ended that was seen to end before they were asked for", async () => {
    await page.start();
    page.runs.of("run_a1").hold();
    const { id } = Wire.all[0]!.asked("runs/run_a1")!;
    const events = [
      { type: "start" },
      { type: "text-start", id: "p" },
      { type: "text-delta", id: "p", delta: "Hi" },
      { type: "finish", finishReason: "stop" },
    ];
    Wire.all[0]!.push({ type: "events", id, offset: 0, events });
    await settle();
    const messages = page.showMessages("c1");
    await settle();
    const old = { items: [question("q1"), answer("a1")], next: null, leaf_id: "a1", runs: [] };
    page.requests.of("/messages")[0]!.answer(old);
    await settle();
    expect(messages.getCurrentResult().data!.items[1]).toMatchObject({
      status: "completed",
      parts: [{ type: "text", text: "Hi" }],
    });
  });
});

describe("a first read that went ahead of the feed", () => {
  it("begins anew when the feed is followed", async () => {
    page.listen();
    page.queries.mount();
    const list = page.showList();
    await settle(700);
    expect(page.requests.of("/conversations").length).toBe(1);
    Wire.all[0]!.hello();
    follow(7);
    await settle();
    const [early, again] = page.requests.of("/conversations");
    early!.answer({ items: [], next: null });
    again!.answer({ items: [conversation("in between")], next: null });
    await settle();
    expect(titles(list)).toEqual(["in between"]);
  });
});

describe("the feed", () => {
  it("is followed as soon as the server says who we are, however often it failed to", async () => {
    page.requests.standing.clear();
    page.listen();
    for (let tries = 0; tries < 5; tries++) {
      await settle(9_000);
      expect(Wire.all.length).toBe(0);
      for (const asked of page.requests.of("/api/me")) asked.fail();
    }
    await settle(20_000);
    page.requests.of("/api/me").at(-1)!.answer({ id: "user_1", kind: "guest", name: null });
    await settle();
    Wire.all[0]!.hello();
    expect(Wire.all[0]!.asked("feed")).toBeDefined();
  });

  it("is followed from now by another session where the server does not take ours any more", async () => {
    await page.start(41);
    const list = page.showList();
    await settle();
    page.requests.of("/conversations")[0]!.answer({ items: [conversation("mine")], next: null });
    await settle();
    page.requests.standing.delete("/api/me");
    Wire.all[0]!.onclose!({ code: 4401 });
    await settle(20_000);
    expect(Wire.all.length).toBe(1);
    page.requests.of("/api/me")[0]!.answer({ id: "user_2", kind: "guest", name: null });
    await settle(5_000);
    expect(Wire.all.length).toBe(2);
    Wire.all[1]!.hello();
    expect(Wire.all[1]!.asked("feed")).not.toHaveProperty("after");
    follow(0);
    await settle();
    page.requests.of("/conversations")[1]!.answer({ items: [], next: null });
    await settle();
    expect(titles(list)).toEqual([]);
  });

  it("is followed from now where its place is gone, and everything is read again", async () => {
    await page.start(41);
    const list = page.showList();
    await settle();
    page.requests.of("/conversations")[0]!.answer({ items: [], next: null });
    await settle();
    const [wire] = Wire.all;
    const error = { code: "gone:feed", message: "Gone.", status: 410, retryable: false };
    for (let round = 0; round < 3; round++) {
      wire!.push({ type: "error", id: wire!.asked("feed")!.id, error });
      await settle(5_000);
    }
    expect(wire!.asked("feed")!.after).toBeUndefined();
    follow(900);
    await settle();
    page.requests
      .of("/conversations")
      .at(-1)!
      .answer({ items: [conversation("missed")], next: null });
    await settle();
    expect(titles(list)).toEqual(["missed"]);
    await tell({ type: "conversation.created", conversation: conversation("told", { updated_at: 5 }) });
    expect(titles(list)).toEqual(["told", "missed"]);
  });
});

describe("a change of a kind that the page does not know", () => {
  it("changes nothing, and what comes with it is heard", async () => {
    await page.start();
    const list = page.showList();
    const messages = page.showMessages("c1");
    await settle();
    page.requests.of("/conversations?")[0]!.answer({ items: [conversation("c1")], next: null });
    page.requests
      .of("/messages")[0]!
      .answer({ items: [question("q1")], next: null, leaf_id: "q1", runs: [] });
    await settle();
    const before = messages.getCurrentResult().data;
    await tell(
      { type: "forgotten" },
      { type: "message.praised", conversation_id: "c1" } as unknown as FeedEvent,
      { type: "conversation.updated", conversation: conversation("c1", { title: "heard", leaf_id: "q1" }) },
    );
    expect(titles(list)).toEqual(["heard"]);
    expect(messages.getCurrentResult().data).toEqual(before);
  });
});

describe("the mark of a conversation in the list", () => {
  async function withAnswer() {
    await page.start();
    const list = page.showList();
    const messages = page.showMessages("c1");
    await settle();
    page.requests
      .of("/conversations?")[0]!
      .answer({ items: [conversation("c1", { status: "streaming" })], next: null });
    page.requests
      .of("/messages")[0]!
      .answer({ items: [question("q1"), answer("a1")], next: null, leaf_id: "a1", runs: [] });
    await settle();
    expect(messages.getCurrentResult().data!.items.length).toBe(2);
    return () => flatten(list.getCurrentResult().data)[0]!.status;
  }

  it("goes with the end of the answer", async () => {
    const mark = await withAnswer();
    expect(mark()).toBe("streaming");
    await tell({ type: "run.finished", run: run("a1", "completed") });
    expect(mark()).toBe("completed");
  });

  it("goes when the page saw the answer end, before the feed tells so", async () => {
    const mark = await withAnswer();
    page.runs.of("run_a1").hold();
    const { id } = Wire.all[0]!.asked("runs/run_a1")!;
    const events = [{ type: "start" }, { type: "finish", finishReason: "stop" }];
    Wire.all[0]!.push({ type: "events", id, offset: 0, events });
    await settle();
    expect(mark()).toBe("completed");
  });

  it("says that an interrupted answer failed, as the server does", async () => {
    const mark = await withAnswer();
    await tell({ type: "run.finished", run: run("a1", "interrupted") });
    expect(mark()).toBe("error");
  });
});
