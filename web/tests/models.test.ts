/** Models, settings of answers and what answers took: in words, in order, and as they are sent. */

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { mostFault, mostOf, mostWords } from "../src/admin/words.ts";
import { differences, overrides, reduced } from "../src/composer/settings.ts";
import { linesOf, priceWords, sizeWords, spoken } from "../src/models/facts.ts";
import type { Conversation, Message, Model } from "../src/protocol/types.ts";
import { briefly, cutWords, durationWords, figures, roughly } from "../src/thread/figures.ts";
import { rowsOf } from "../src/thread/rows.ts";
import { answer, conversation, openPage, question, settle, storage } from "./page.ts";

function model(id: string, more: Partial<Model> = {}): Model {
  const [provider = "", name = ""] = id.split("/");
  return {
    id,
    provider,
    provider_name: provider.toUpperCase(),
    name,
    capabilities: {},
    context: null,
    output_limit: null,
    price: null,
    health: null,
    retires: null,
    available: true,
    reason: null,
    key: "server",
    favourite: false,
    ...more,
  };
}

const NO_KEY = { available: false, key: null, reason: "No key found." } as const;

describe("the list of models", () => {
  const models = [model("a/one"), model("a/two"), model("b/three", NO_KEY), model("b/four", NO_KEY)];

  it("has favourites first and each model once, by provider", () => {
    const lines = linesOf(models, new Set(["b/three", "a/two"]), "");
    const told = lines.map((line) => (line.kind === "head" ? line.title : line.model.id));
    expect(told).toEqual(["Favourites", "a/two", "b/three", "A", "a/one", "B", "b/four"]);
    expect(lines[2]).toMatchObject({ named: true, at: 1, reason: "No key found." });
  });

  it("says once what holds for all of a provider", () => {
    const [, , , head, third] = linesOf(models, new Set(), "");
    expect(head).toMatchObject({ note: "No key found.", keyed: true });
    expect(third).toMatchObject({ reason: null });
    const mixed = linesOf(
      [model("b/three", NO_KEY), model("b/five", { ...NO_KEY, reason: "Gone." })],
      new Set(),
      "",
    );
    expect(mixed.map((line) => (line.kind === "model" ? line.reason : line.note))).toEqual([
      null,
      "No key found.",
      "Gone.",
    ]);
  });

  it("keeps what has every word of the filter", () => {
    const found = linesOf(models, new Set(), "B  thr").filter(({ kind }) => kind === "model");
    expect(found.map(({ key }) => key)).toEqual(["b/three"]);
    expect(linesOf(models, new Set(), "none")).toEqual([]);
  });

  it("tells those who hear it all that others see", () => {
    const told = spoken(
      model("a/one", {
        capabilities: { tools: true, vision: null, search: true },
        context: 400_000,
        price: { input: 1.25, output: 10, cached: null },
        health: "failing",
        key: "user",
      }),
    );
    expect(told).toBe(
      "one, A, uses tools, searches the web, takes 400k tokens, $1.25 in and $10.00 out for a million tokens, failing of late, your key pays",
    );
  });

  it("has sizes and prices that are read at once", () => {
    expect([999, 8192, 131_072, 999_999, 1_048_576, 2_500_000].map(sizeWords)).toEqual([
      "999",
      "8k",
      "131k",
      "1M",
      "1M",
      "2.5M",
    ]);
    expect(priceWords({ input: 0.0028, output: 0.28, cached: null })).toBe("$0.0028 in · $0.28 out");
    expect(priceWords({ input: 0, output: 0, cached: null })).toBe("Free");
  });
});

describe("settings of answers", () => {
  it("tell only what is not as the server has it", () => {
    expect(differences({ temperature: 0.7, max_tokens: 4000, web_search: false, tools: null })).toEqual([]);
    expect(reduced({ temperature: null, tools: false, system: "", max_tokens: 4000 })).toEqual({
      temperature: null,
      tools: false,
    });
    expect(differences({ temperature: null, tools: false, reasoning_effort: "low" })).toEqual([
      "the model’s temperature",
      "effort low",
      "tools off",
    ]);
  });

  it("of one message say what it has otherwise, also where that is the server's own", () => {
    const defaults = { temperature: 0.2, system: "Be brief.", tools: false };
    expect(overrides(defaults, defaults)).toEqual({});
    expect(overrides(defaults, {})).toEqual({ temperature: 0.7, system: null, tools: null });
    expect(overrides({}, { max_tokens: 9, temperature: null })).toEqual({ max_tokens: 9, temperature: null });
  });
});

describe("what an answer took", () => {
  const metadata = {
    model: "a/one",
    cost: 0.00123,
    keyOwner: "user",
    usage: { inputTokens: 1234, outputTokens: 56, cachedInputTokens: 1000 },
    createdAt: 100,
    endedAt: 103.24,
    finishReason: "stop",
  };

  it("is told briefly, and in full", () => {
    expect(briefly({ metadata })).toEqual(["$0.0012", "1.2k in, 56 out", "3.2 s", "your key"]);
    expect(Object.fromEntries(figures({ metadata }))).toMatchObject({
      "of them cached": "1,000",
      Key: "Yours",
      Took: "3.2 s",
    });
  });

  it("leaves out what nobody told", () => {
    const unknown = { cost: null, usage: {}, keyOwner: "server", createdAt: 5 };
    expect(briefly({ metadata: unknown })).toEqual([]);
    expect(figures({ metadata: {} })).toEqual([]);
    expect(briefly({ metadata: { usage: "odd", cost: "much" } })).toEqual([]);
  });

  it("says why it ended early", () => {
    expect(cutWords({ metadata })).toBeNull();
    expect(cutWords({ metadata: { finishReason: "length", settings: { max_tokens: 1000 } } })).toContain(
      "its limit of 1,000 tokens",
    );
    expect(cutWords({ metadata: { finishReason: "content-filter" } })).toContain("filter");
    expect(cutWords({ metadata: {} })).toBeNull();
  });

  it("has numbers of a readable length", () => {
    expect([0.02, 9.94, 9.96, 59.4, 60, 125].map(durationWords)).toEqual([
      "0.1 s",
      "9.9 s",
      "10 s",
      "59 s",
      "1 min",
      "2 min 5 s",
    ]);
    expect([999, 1000, 9949, 9950, 34_000].map(roughly)).toEqual(["999", "1.0k", "9.9k", "10k", "34k"]);
  });
});

describe("where the model begins to read", () => {
  const answered = (id: string, parent: string, more: Partial<Message>): Message =>
    answer(id, { parent_id: parent, status: "completed", ...more });
  const tree = (from: string | undefined, status: Message["status"] = "completed") => ({
    leaf_id: "a2",
    items: [
      question("q1"),
      answered("a1", "q1", {}),
      question("q2", "a1"),
      answered("a2", "q2", { status, metadata: from ? { contextFrom: from } : {} }),
    ],
  });
  const cuts = (data: ReturnType<typeof tree>) =>
    rowsOf(data, []).flatMap((row) => (row.kind === "message" && row.cut ? [row.node.message.id] : []));

  it("is marked by the newest answer that is there", () => {
    expect(cuts(tree("q2"))).toEqual(["q2"]);
    expect(cuts(tree(undefined))).toEqual([]);
    expect(cuts(tree("q2", "streaming"))).toEqual([]);
  });

  it("is not marked where nothing stands above it", () => {
    expect(cuts(tree("q1"))).toEqual([]);
  });
});

describe("the fields of limits", () => {
  it("take numbers, off, or nothing", () => {
    expect(["", " Off ", "12"].map(mostOf)).toEqual([null, "off", 12]);
    expect(["", "off", "0", "12"].map((text) => mostFault("messages", text))).toEqual([
      null,
      null,
      null,
      null,
    ]);
    expect(mostFault("messages", "1.5")).toContain("whole number");
    expect(mostFault("cost_day", "1.5")).toBeNull();
    expect(mostFault("cost_day", "-1")).toContain("amount");
    expect(mostWords("cost_day", 2.5)).toBe("$2.50");
    expect(mostWords("tokens_day", "off")).toBe("no limit");
  });
});

describe("chosen settings", () => {
  const taken = {
    run_id: "run_1",
    conversation_id: "c1",
    message_id: "a1",
    parent_id: "q1",
    duplicate: false,
  };

  beforeEach(() => vi.useFakeTimers());
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  async function open() {
    const page = await openPage(storage());
    return { ...page, ...(await import("../src/state/choices.ts")) };
  }

  it("of one message go with it alone", async () => {
    const page = await open();
    page.chooseOnce("c1", { max_tokens: 9 });
    page.send({ conversation: "c1", text: "one", model: null, under: null });
    page.send({ conversation: "c1", text: "two", model: null, under: null });
    await settle();
    const [first] = page.requests.of("/api/chat");
    expect(first!.body).toMatchObject({ settings: { max_tokens: 9 } });
    first!.answer(taken, 202);
    await settle();
    const second = page.requests.of("/api/chat").at(-1)!;
    expect(second.body).toMatchObject({ message: { parts: [{ text: "two" }] } });
    expect(second.body).not.toHaveProperty("settings");
  });

  it("of a conversation are shown at once, and read again where the server refuses", async () => {
    const page = await open();
    await page.start();
    const data = () => page.queries.getQueryData<Conversation>(["conversation", "c1"])?.settings;
    page.queries.setQueryData(["conversation", "c1"], conversation("c1", { settings: {} }));
    const chosen = page.chooseAlways("c1", { temperature: 9 });
    const refused = expect(chosen).rejects.toThrow("Too warm.");
    expect(data()).toEqual({ temperature: 9 });
    await settle();
    const error = { code: "bad_request:chat", message: "Too warm.", status: 400, retryable: false };
    page.requests.of("/api/conversations/c1").at(-1)!.answer({ error }, 400);
    await refused;
    expect(page.queries.getQueryState(["conversation", "c1"])?.isInvalidated).toBe(true);
  });

  it("of a new chat go with its first message, and are the conversation's before the second", async () => {
    const page = await open();
    await page.chooseAlways(page.NEW, { temperature: 0.2 });
    page.chooseOnce(page.NEW, { max_tokens: 9 });
    const id = page.beginConversation(null);
    page.beginChoices(id);
    page.send({ conversation: id, text: "one", model: null, under: null });
    page.send({ conversation: id, text: "two", model: null, under: null });
    await settle();
    const chats = () => page.requests.all.filter(({ path }) => path === "/api/chat");
    expect(chats()[0]!.body).toMatchObject({ settings: { temperature: 0.2, max_tokens: 9 } });
    chats()[0]!.answer({ ...taken, conversation_id: id }, 202);
    await settle();
    expect(chats()).toHaveLength(1);
    const [told] = page.requests.all.filter(({ method }) => method === "PATCH");
    expect(told!.body).toEqual({ settings: { temperature: 0.2 } });
    told!.answer(conversation(id, { settings: { temperature: 0.2 } }));
    await settle();
    expect(chats()).toHaveLength(2);
    expect(chats()[1]!.body).not.toHaveProperty("settings");
  });
});
