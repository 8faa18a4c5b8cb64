/** Who uses the page: where doors lead, times and figures in words, and what happens when a session ends. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { doorTo, returnTo, SETTINGS, tabOf } from "../src/address.ts";
import { afterWords, agoWords, whenWords } from "../src/protocol/times.ts";
import { deviceOf } from "../src/settings/device.ts";
import { barsOf, costWords, lastDays, limitWords, OTHERS, roundUp, totals } from "../src/settings/figures.ts";
import type { Spent } from "../src/settings/requests.ts";
import { moneyWords } from "../src/ui/money.ts";
import { openPage, settle, storage } from "./page.ts";

const HERE = "https://here.example";

describe("the way back from a door", () => {
  const back = (place: string) => returnTo(`?return_to=${encodeURIComponent(place)}`, HERE);

  it.each(["/chat/a%20b?x=1#end", "/settings/keys", "/"])("leads to %s of this page", (place) => {
    expect(back(place)).toBe(place);
  });

  it.each([
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example",
    "/\t/evil.example",
    "/.//evil.example",
    "javascript:alert(1)",
    "chat/1",
    "/login?return_to=/login",
    "/register",
    "/auth/error?code=denied",
    "",
  ])("never leads to %j", (place) => {
    expect(back(place)).toBe("/");
  });

  it("is told to a door where there is one", () => {
    expect(doorTo("/login", "/chat/c1")).toBe("/login?return_to=%2Fchat%2Fc1");
    expect(doorTo("/register", "/")).toBe("/register");
    expect(returnTo(doorTo("/login", "/chat/a%2Fb").slice("/login".length), HERE)).toBe("/chat/a%2Fb");
  });
});

describe("a tab of the settings", () => {
  it.each([
    ["/settings", "account"],
    ["/settings/", "account"],
    ["/settings/usage", "usage"],
    ["/settings/none", null],
    ["/settings/usage/more", null],
    ["/chat/settings", null],
  ])("of %s is %s", (path, tab) => {
    expect(tabOf(path, "settings", SETTINGS)).toBe(tab);
  });
});

describe("times", () => {
  const now = new Date(2026, 10, 20, 23, 10);
  const at = (...date: [number, number, number, number, number]) => new Date(...date).getTime() / 1000;

  it("to come are told by the clock, and never too early", () => {
    expect(afterWords(42, now)).toBe("in 42 seconds");
    expect(afterWords(1810, now)).toBe("at 23:41");
    expect(afterWords(3600, now)).toBe("tomorrow at 00:10");
    expect(whenWords(at(2026, 11, 3, 9, 5), now)).toBe("on 3 December at 09:05");
  });

  it("that were are told the shorter, the nearer they are", () => {
    expect(agoWords(at(2026, 10, 20, 23, 10), now)).toBe("just now");
    expect(agoWords(at(2026, 10, 20, 22, 50), now)).toBe("20 minutes ago");
    expect(agoWords(at(2026, 10, 20, 9, 5), now)).toBe("today at 09:05");
    expect(agoWords(at(2026, 10, 19, 9, 5), now)).toBe("yesterday at 09:05");
    expect(agoWords(at(2025, 1, 3, 9, 5), now)).toBe("3 February 2025");
  });
});

describe("a device", () => {
  const mozilla = "Mozilla/5.0 (X11; Linux x86_64)";
  it.each([
    [`${mozilla} AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36`, "Chrome on Linux"],
    [
      `${mozilla.replace("X11; Linux", "Windows NT 10.0;")} Chrome/142.0 Safari/537.36 Edg/142.0`,
      "Edge on Windows",
    ],
    ["Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Version/19.0 Safari/604.1", "Safari on iPhone"],
    ["python-httpx/0.28.1", "python-httpx"],
    [null, "Unknown device"],
  ])("that calls itself %s is %s", (agent, device) => {
    expect(deviceOf(agent)).toBe(device);
  });
});

function spent(day: string, model: string, more: Partial<Spent> = {}): Spent {
  const tokens = { input_tokens: 10, output_tokens: 5, cached_tokens: 0, reasoning_tokens: 0 };
  return { day, model, key_owner: "server", runs: 1, ...tokens, cost: 0.5, ...more };
}

describe("what was used", () => {
  const items = [
    spent("2026-11-19", "a"),
    spent("2026-11-20", "a"),
    spent("2026-11-20", "b", { cost: null }),
  ];

  it("is summed by model, and what has no price is not free", () => {
    const [a, b] = totals(items);
    expect(a).toMatchObject({ model: "a", messages: 2, tokens: 30, cost: 1, unpriced: false });
    expect([costWords(a!), costWords(b!)]).toEqual(["$1.00", "unknown"]);
    expect(costWords({ cost: 1, unpriced: true })).toBe("$1.00 and more");
  });

  it("stands in bars of every day, also of those without any", () => {
    const days = lastDays(3, new Date("2026-11-20T23:59:00Z"));
    expect(days).toEqual(["2026-11-18", "2026-11-19", "2026-11-20"]);
    const bars = barsOf([...items, spent("2026-01-01", "a")], days, "messages");
    expect(bars.models).toEqual(["a", "b"]);
    expect(bars.days.map(({ values }) => values)).toEqual([
      [0, 0],
      [1, 0],
      [1, 1],
    ]);
    expect(bars.top).toBe(2);
  });

  it("of many models is told of the most used, and of the others together", () => {
    const many = Array.from({ length: 8 }, (_, at) =>
      spent("2026-11-20", `m${at}`, { input_tokens: 100 - at }),
    );
    const bars = barsOf(many, ["2026-11-20"], "messages");
    expect(bars.models).toEqual(["m0", "m1", "m2", "m3", "m4", OTHERS]);
    expect(bars.days[0]!.values).toEqual([1, 1, 1, 1, 1, 3]);
  });

  it("ends at round figures", () => {
    expect([0, 0.3, 1, 3, 12, 51, 999].map(roundUp)).toEqual([1, 0.5, 1, 5, 20, 100, 1000]);
    expect([0, 0.0042, 1.5].map(moneyWords)).toEqual(["$0.00", "$0.0042", "$1.50"]);
  });

  it("is held against limits", () => {
    const words = limitWords("messages", { used: 21, limit: 20, resets_at: null });
    expect(words).toEqual({ title: "Messages in 24 hours", used: "21 of 20", left: "0" });
    expect(limitWords("cost_day", { used: 0.5, limit: null, resets_at: null }).left).toBeNull();
  });
});

describe("a session that ends", () => {
  const ada = { id: "user_ada", kind: "registered", name: "Ada" };
  const guest = { id: "user_guest", kind: "guest", name: null };
  const opened: Awaited<ReturnType<typeof openPage>>[] = [];
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

  async function openTab(me: unknown) {
    const tab = await openPage(storage(shared));
    tab.requests.standing.set("/api/me", me);
    opened.push(tab);
    return tab;
  }

  async function sendInVain(tab: Awaited<ReturnType<typeof openPage>>, code: string, status: number) {
    await tab.start();
    tab.send({ conversation: "c1", text: "kept words", model: null, under: null });
    await settle();
    const error = { code, message: "No.", status, retryable: false };
    tab.requests.of("/api/chat")[0]!.answer({ error }, status);
    await settle();
  }

  it("keeps the message, and sends it when its user is back", async () => {
    const tab = await openTab(ada);
    await tab.start();
    tab.requests.standing.set("/api/me", guest);
    tab.send({ conversation: "c1", text: "kept words", model: null, under: null });
    await settle();
    const error = { code: "not_found:conversation", message: "No.", status: 404, retryable: false };
    tab.requests.of("/api/chat")[0]!.answer({ error }, 404);
    await settle();
    expect(tab.outbox.get()).toMatchObject([{ state: "failed", signIn: "user_ada" }]);
    expect(tab.outbox.get()[0]!.error).toMatch(/session has ended.*Sign in again/);
    expect(tab.lost.get()).toMatchObject(ada);

    const other = await openTab(guest);
    other.resumeOutbox();
    await settle();
    expect(other.requests.of("/api/chat")).toEqual([]);

    const back = await openTab(ada);
    back.resumeOutbox();
    await settle();
    expect(back.requests.of("/api/chat").map(({ body }) => body?.id)).toEqual(["c1"]);
    expect(back.outbox.get()).toMatchObject([{ state: "sending", error: null }]);
  });

  it("where no guests are taken keeps the message as well, and what is shown", async () => {
    const tab = await openTab(ada);
    await tab.start();
    tab.requests.standing.delete("/api/me");
    const error = { code: "unauthorized:session", message: "No.", status: 401, retryable: false };
    tab.send({ conversation: "c1", text: "kept words", model: null, under: null });
    await settle();
    tab.requests.of("/api/chat")[0]!.answer({ error }, 401);
    await settle();
    tab.requests.of("/api/me")[0]!.answer({ error }, 401);
    await settle();
    expect(tab.outbox.get()).toMatchObject([{ text: "kept words", state: "failed", signIn: "user_ada" }]);
    expect(tab.lost.get()).toMatchObject(ada);
    expect(tab.noGuests.get()).toBe(false);
  });

  it("that was a guest's is told as before", async () => {
    const tab = await openTab(guest);
    await sendInVain(tab, "not_found:conversation", 404);
    expect(tab.outbox.get()).toMatchObject([{ state: "failed", elsewhere: true }]);
    expect(tab.outbox.get()[0]!.signIn).toBeUndefined();
    expect(tab.lost.get()).toBeNull();
  });

  it("is one thing; a limit is another, and the message is marked so", async () => {
    const tab = await openTab(guest);
    await sendInVain(tab, "rate_limited:chat", 429);
    expect(tab.outbox.get()).toMatchObject([{ state: "failed", limited: true }]);
  });

  it("because somebody comes is not looked into before that is over", async () => {
    const tab = await openTab(guest);
    await tab.start();
    const went: string[] = [];
    vi.stubGlobal("location", { origin: "http://host", assign: (place: string) => went.push(place) });
    const { changeUser, settledUser } = await import("../src/state/session.ts");
    let settled = false;
    let come = () => {};
    const coming = changeUser(() => new Promise<void>((resolve) => (come = resolve)), "/chat/c1");
    void settledUser().then(() => (settled = true));
    await settle(1000);
    expect(settled).toBe(false);
    expect(shared["threadline:session"]).toMatch(/^changing:/);
    come();
    await coming;
    expect(went).toEqual(["/chat/c1"]);
    expect(shared["threadline:session"]).toMatch(/^\d+$/);
    await expect(changeUser(() => Promise.reject(new Error("no")), "/")).rejects.toThrow("no");
    expect(went.length).toBe(1);
  });
});
