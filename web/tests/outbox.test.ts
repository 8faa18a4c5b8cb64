/** What is not sent yet is kept message by message, whatever other tabs do, and helped where its session is lost. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { answer, conversation, openPage, question, settle, storage } from "./page.ts";
import { Wire } from "./wire.ts";

type Tab = Awaited<ReturnType<typeof openPage>>;

const opened: Tab[] = [];
let shared: Record<string, string>;

beforeEach(() => {
  vi.useFakeTimers();
  shared = {};
});

afterEach(() => {
  for (const tab of opened.splice(0)) {
    tab.live.close();
    tab.queries.clear();
  }
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function openTab(): Promise<Tab> {
  const tab = await openPage(storage(shared));
  tab.shareOutbox(tab.events as Window);
  opened.push(tab);
  return tab;
}

/** What a browser tells the other tabs when one changes what is kept. */
function tellOthers(tab: Tab, key: string): void {
  const newValue = shared[`threadline:outbox:${key}`] ?? null;
  tab.events.dispatchEvent(
    Object.assign(new Event("storage"), { key: `threadline:outbox:${key}`, newValue }),
  );
}

async function fails(tab: Tab, text: string, code = "too_large:chat", status = 413): Promise<string> {
  tab.send({ conversation: "c1", text, model: null, under: null });
  await settle();
  const error = {
    code,
    message: "There is no such thing here, or it is not yours.",
    status,
    retryable: false,
  };
  tab.requests.of("/api/chat").at(-1)!.answer({ error }, status);
  await settle();
  return tab.outbox.get().at(-1)!.key;
}

function text(words: string) {
  return [{ type: "text", text: words }];
}

function texts(tab: Tab): string[] {
  return tab.outbox.get().map((item) => item.text);
}

describe("what is not sent", () => {
  it("of two tabs is kept of both", async () => {
    const one = await openTab();
    const two = await openTab();
    await fails(two, "words of tab two");
    vi.stubGlobal("fetch", one.requests.fetch);
    await fails(one, "words of tab one");
    expect(texts(await openTab()).sort()).toEqual(["words of tab one", "words of tab two"]);
  });

  it("does not come back once it was discarded in another tab", async () => {
    const one = await openTab();
    const key = await fails(one, "unwanted");
    const two = await openTab();
    const late = await openTab();
    expect(texts(two)).toEqual(["unwanted"]);
    one.remove(key);
    tellOthers(two, key);
    expect(texts(two)).toEqual([]);
    // One that has not heard of it yet.
    late.update({ ...late.outbox.get()[0]!, error: "Again." });
    expect(texts(late)).toEqual([]);
    expect(texts(await openTab())).toEqual([]);
  });

  it("stays on the page where the browser keeps nothing", async () => {
    const tab = await openTab();
    const full = () => {
      throw new Error("full");
    };
    Object.defineProperty(shared, "setItem", { value: full, configurable: true });
    await fails(tab, "kept here");
    expect(tab.outbox.get()).toMatchObject([{ text: "kept here", state: "failed" }]);
  });
});

describe("while the server is away", () => {
  const taken = {
    run_id: "run_1",
    conversation_id: "c1",
    message_id: "a1",
    parent_id: "q1",
    duplicate: false,
  };

  it("a message waits however long, and goes when the connection is back", async () => {
    const tab = await openTab();
    await tab.start();
    Wire.all[0]!.onclose!({ code: 1006 });
    tab.send({ conversation: "c1", text: "patient words", model: null, under: null });
    for (let minute = 0; minute < 10; minute++) {
      for (const asked of tab.requests.of("/api/chat")) asked.fail();
      await settle(60_000);
    }
    expect(tab.outbox.get()).toMatchObject([{ state: "sending", waits: true }]);
    // The page tries other ways to connect in between.
    do {
      await settle(50);
      for (const asked of tab.requests.all) asked.fail();
    } while (Wire.all.at(-1)!.onmessage === null);
    await settle(0);
    const before = tab.requests.of("/api/chat").length;
    Wire.all.at(-1)!.hello();
    await settle(10);
    const asked = tab.requests.of("/api/chat");
    expect(asked.length).toBe(before + 1);
    asked.at(-1)!.answer(taken, 202);
    await settle();
    expect(texts(tab)).toEqual([]);
  });

  it("a message that was taken back is not sent any more", async () => {
    const tab = await openTab();
    tab.send({ conversation: "c1", text: "hasty words", model: null, under: null });
    await settle();
    tab.requests.of("/api/chat")[0]!.fail();
    await settle(10);
    tab.remove(tab.outbox.get()[0]!.key);
    await settle(60_000);
    expect(tab.requests.of("/api/chat").length).toBe(1);
    expect(texts(tab)).toEqual([]);
  });

  it("a request that alone does not get through is told after five tries", async () => {
    const tab = await openTab();
    await tab.start();
    tab.send({ conversation: "c1", text: "words that do not get through", model: null, under: null });
    for (let tries = 0; tries < 40; tries++) {
      await settle(500);
      Wire.all.at(-1)!.push({ type: "pong" });
      for (const asked of tab.requests.of("/api/chat")) asked.fail();
    }
    expect(tab.requests.of("/api/chat").length).toBe(5);
    expect(tab.outbox.get()).toMatchObject([{ state: "failed", waits: false }]);
  });

  it("a stop is kept over a reload, and let go when its run has ended", async () => {
    const tab = await openTab();
    tab.stop("c1", "run_1");
    await settle();
    tab.requests.of("/stop")[0]!.fail();
    await settle(10);
    const later = await openTab();
    later.resumeWishes();
    await settle();
    expect(later.requests.of("/stop").length).toBe(1);
    later.requests.of("/stop")[0]!.answer({ stopped: ["run_1"] });
    await settle();
    expect(Object.keys(later.wishes.get())).toEqual(["stop:run_1"]);
    later.hear({
      type: "run.finished",
      run: { id: "run_1", conversation_id: "c1", message_id: "a1", parent_id: "q1", status: "stopped" },
    });
    expect(later.wishes.get()).toEqual({});
    expect(Object.keys(shared)).toEqual([]);
  });

  it("turns are taken back from the last on, and before a new message is sent", async () => {
    const tab = await openTab();
    const waits = (id: string, above: string) => answer(id, { parent_id: above, status: "queued" });
    const asked = ["q2", "q3"].map((id, at) => ({
      ...question(id, `a${at + 1}`),
      parts: text(`words of ${id}`),
    }));
    tab.queries.setQueryData(["messages", "c1"], {
      items: [question("q1"), answer("a1"), asked[0], waits("a2", "q2"), asked[1], waits("a3", "q3")],
      leaf_id: "a3",
    });
    tab.cancel("c1", waits("a2", "q2"));
    expect(shared["threadline:draft:c1"]).toBe("words of q2\n\nwords of q3");
    expect(tab.queries.getQueryData(["messages", "c1"])).toMatchObject({ leaf_id: "a1" });
    tab.send({ conversation: "c1", text: "instead", model: null, under: "a1", parentId: "a1" });
    for (const reply of [
      { stopped: [] },
      { stopped: [] },
      conversation("c1", { leaf_id: "a3" }),
      conversation("c1"),
    ]) {
      await settle();
      tab.requests.all.at(-1)!.answer(reply);
    }
    await settle();
    const made = tab.requests.all.map(({ method, path, body }) => [method, path, body?.run ?? body?.leaf_id]);
    expect(made).toEqual([
      ["POST", "/api/chat/c1/stop", "run_a3"],
      ["POST", "/api/chat/c1/stop", "run_a2"],
      ["GET", "/api/conversations/c1", undefined],
      ["PATCH", "/api/conversations/c1", "a1"],
      ["POST", "/api/chat", undefined],
    ]);
  });

  it("a stop of a run that is over or unknown is let go at once", async () => {
    const tab = await openTab();
    tab.stop("c1", "run_1");
    tab.stop("c1", "run_2");
    await settle();
    tab.requests.of("/stop")[0]!.answer({ stopped: [] });
    const error = { code: "not_found:run", message: "No.", status: 404, retryable: false };
    tab.requests.of("/stop")[1]!.answer({ error }, 404);
    await settle();
    expect(tab.wishes.get()).toEqual({});
    expect(Object.keys(shared)).toEqual([]);
  });
});

describe("a message whose conversation belongs to another session", () => {
  it("says what helps, and goes as a new chat of the session that there is", async () => {
    const tab = await openTab();
    await tab.start();
    await fails(tab, "lost words", "not_found:conversation", 404);
    const [pending] = tab.outbox.get();
    expect(pending!.error).toMatch(/another session.*Retry.*new chat/);
    const moved = tab.retry(pending!);
    expect(moved).not.toBe("c1");
    await settle();
    const sent = tab.requests.of("/api/chat");
    expect(sent.length).toBe(2);
    sent[1]!.answer(
      { run_id: "run_1", conversation_id: moved, message_id: "a1", parent_id: "q1", duplicate: false },
      202,
    );
    await settle();
    expect(texts(tab)).toEqual([]);
    expect(Object.keys(shared)).toEqual([]);
    // The old connection is the old session's.
    expect(Wire.all.length).toBe(2);
    Wire.all[1]!.hello();
    expect(Wire.all[1]!.asked("feed")!.after).toBeUndefined();
  });
});

describe("a conversation that begins here", () => {
  it("is not asked for before the server can know it, however much else is read again", async () => {
    const tab = await openTab();
    await tab.start();
    const id = tab.beginConversation(null);
    tab.showMessages(id);
    tab.send({ conversation: id, text: "first words", model: null, under: null });
    await settle();
    await tab.queries.invalidateQueries();
    await settle();
    expect(tab.requests.of(`/${id}/messages`)).toEqual([]);
    const taken = { run_id: "run_1", conversation_id: id, message_id: "a1", parent_id: "q1" };
    tab.requests.of("/api/chat")[0]!.answer({ ...taken, duplicate: false }, 202);
    await settle();
    const ids = () =>
      tab.queries.getQueryData<{ items: { id: string }[] }>(["messages", id])!.items.map((m) => m.id);
    expect(ids()).toEqual(["q1", "a1"]);
    void tab.queries.invalidateQueries();
    await settle();
    expect(tab.requests.of(`/${id}/messages`).length).toBe(1);
  });
});
