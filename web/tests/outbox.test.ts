/** What is not sent yet is kept message by message, whatever other tabs do, and helped where its session is lost. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { openPage, settle, storage, Wire } from "./page.ts";

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
