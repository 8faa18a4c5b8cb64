/** What one is told of those with whom a conversation is shared, and what becomes of it when one may not read it any more. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { sharedBy } from "../src/address.ts";
import { linkNote, sharedWords } from "../src/sharing/words.ts";
import { conversation, openPage, settle, tell } from "./page.ts";

const OWNER = { id: "user_a", name: "Ada" };

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

describe("who said a message", () => {
  it("is named for everybody but himself", async () => {
    const { authorOf } = await import("../src/sharing/company.ts");
    const people = [OWNER, { id: "user_b", name: "Bea" }, { id: "user_g", name: null }];
    expect(authorOf(null, "user_a", null, people)).toBeNull();
    expect(authorOf("user_b", "user_a", null, people)).toBe("Bea");
    expect(authorOf(null, "user_b", OWNER, [])).toBe("Ada");
    expect(authorOf("user_b", "user_b", OWNER, people)).toBeNull();
    expect(authorOf("user_g", "user_a", null, people)).toBe("A guest");
    expect(authorOf("user_x", "user_a", null, people)).toBe("Somebody who has left");
  });
});

describe("words", () => {
  it("say with whom a conversation is shared", () => {
    expect(sharedWords(conversation("c"))).toBeNull();
    expect(sharedWords(conversation("c", { role: "owner", visibility: "link" }))).toBe("Shared by link");
    expect(sharedWords(conversation("c", { role: "observer", owner: OWNER }))).toBe("Shared by Ada");
    expect(sharedWords(conversation("c", { role: "observer", owner: { id: "g", name: null } }))).toContain(
      "somebody else",
    );
  });

  it("say for whom a link is, and until when", () => {
    const link = { id: "s", role: "observer" as const, email: null, created_at: 0, expires_at: null };
    expect(linkNote(link, new Date())).toBe("For whoever has it, stands until it is revoked");
    const now = new Date(2026, 10, 20, 9, 0);
    const ends = new Date(2026, 10, 21, 9, 0).getTime() / 1000;
    expect(linkNote({ ...link, email: "a@example.org", expires_at: ends }, now)).toBe(
      "For this account alone, ends tomorrow at 09:00",
    );
  });

  it("find the token in an address", () => {
    expect(sharedBy("/share/a-b_c")).toBe("a-b_c");
    expect(sharedBy("/share/")).toBeNull();
    expect(sharedBy("/chat/a")).toBeNull();
  });
});

describe("a conversation of another", () => {
  const shared = conversation("c1", { role: "observer", owner: OWNER });

  it("that may not be read any more says so, until one is let in again", async () => {
    await page.start();
    page.showList();
    await settle();
    page.requests.of("/conversations")[0]!.answer({ items: [shared, conversation("c2")], next: null });
    await settle();
    await tell({ type: "conversation.deleted", id: "c1" }, { type: "conversation.deleted", id: "c2" });
    expect([...page.shut.get()]).toEqual(["c1"]);
    expect(page.lastDeleted.get()).toBe("c2");
    await tell({ type: "conversation.created", conversation: shared });
    expect(page.shut.get().size).toBe(0);
  });

  it("that one leaves is gone without a word", async () => {
    await page.start();
    page.queries.setQueryData(["conversation", "c1"], shared);
    void page.leave("c1");
    await settle();
    await tell({ type: "conversation.deleted", id: "c1" });
    page.requests.of("/conversations/c1")[0]!.answer({});
    await settle();
    expect(page.shut.get().size).toBe(0);
    expect(page.lastDeleted.get()).toBe("c1");
  });

  it("keeps its owner's branch, whatever one looks at", async () => {
    await page.start();
    page.queries.setQueryData(["conversation", "c1"], shared);
    const question = {
      id: "q1",
      role: "user",
      parent_id: null,
      parts: [],
      status: "completed",
      run_id: null,
    };
    page.queries.setQueryData(["messages", "c1"], { items: [question], leaf_id: null });
    await page.choose("c1", question as never);
    expect(page.requests.of("/conversations/c1")).toEqual([]);
  });
});

describe("what is taken out of a list", () => {
  it("is gone at once, and back where the server does not agree", async () => {
    const { takenOut } = await import("../src/sharing/taken-out.ts");
    const key = ["sharing", "links", "c1"];
    const items = [{ id: "one" }, { id: "two" }];
    page.queries.setQueryData(key, { items, next: null });
    let refuse = (_: Error) => {};
    const asked = new Promise<void>((_, reject) => {
      refuse = reject;
    });
    const done = takenOut<{ id: string }>(
      key,
      ({ id }) => id === "one",
      () => asked,
    );
    const failed = expect(done).rejects.toThrow("no");
    await settle();
    expect(page.queries.getQueryData(key)).toEqual({ items: [{ id: "two" }], next: null });
    refuse(new Error("no"));
    await failed;
    expect(page.queries.getQueryData(key)).toEqual({ items, next: null });
  });
});
