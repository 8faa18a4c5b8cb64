/** What an answer took, read from its metadata and put into words; what nobody told is left out. */

import type { Message } from "../protocol/types.ts";
import { moneyWords } from "../ui/money.ts";

type Metadata = Message["metadata"];

function numberOf(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

const count = new Intl.NumberFormat("en");

/** "840 ms" is of no use to anybody: "0.8 s", "12 s", "2 min 5 s". */
export function durationWords(seconds: number): string {
  if (seconds < 9.95) return `${Math.max(0.1, seconds).toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  return whole % 60 === 0 ? `${whole / 60} min` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** "850", "1.2k", "34k". */
export function roughly(tokens: number): string {
  if (tokens < 1000) return `${tokens}`;
  return tokens < 9950 ? `${(tokens / 1000).toFixed(1)}k` : `${count.format(Math.round(tokens / 1000))}k`;
}

export function modelOf({ metadata }: Pick<Message, "metadata">): string {
  return textOf(metadata.model) ?? "";
}

/** The few words that stand under an answer. */
export function briefly({ metadata }: Pick<Message, "metadata">): string[] {
  const cost = numberOf(metadata.cost);
  const usage = objectOf(metadata.usage);
  const input = numberOf(usage.inputTokens);
  const output = numberOf(usage.outputTokens);
  const took = durationOf(metadata);
  const words = [
    cost !== null && moneyWords(cost),
    input !== null && output !== null && `${roughly(input)} in, ${roughly(output)} out`,
    took !== null && durationWords(took),
    metadata.keyOwner === "user" && "your key",
  ];
  return words.filter((one) => one !== false);
}

function durationOf({ createdAt, endedAt }: Metadata): number | null {
  const [from, to] = [numberOf(createdAt), numberOf(endedAt)];
  return from !== null && to !== null && to >= from ? to - from : null;
}

/** All that is known of it, as names with values. */
export function figures({ metadata }: Pick<Message, "metadata">): [name: string, value: string][] {
  const usage = objectOf(metadata.usage);
  const cost = numberOf(metadata.cost);
  const took = durationOf(metadata);
  const tokens = (name: string) => {
    const value = numberOf(usage[name]);
    return value === null ? null : count.format(value);
  };
  const some = (name: string) => (usage[name] === 0 ? null : tokens(name));
  const owner = { user: "Yours", server: "The server’s" }[textOf(metadata.keyOwner) ?? ""];
  const all: [string, string | null | undefined][] = [
    ["Model", textOf(metadata.model)],
    ["Cost", cost === null ? null : moneyWords(cost)],
    ["Tokens in", tokens("inputTokens")],
    ["of them cached", some("cachedInputTokens")],
    ["Tokens out", tokens("outputTokens")],
    ["of them reasoning", some("reasoningTokens")],
    ["Key", owner],
    ["Took", took === null ? null : durationWords(took)],
    ["Ended by", textOf(metadata.finishReason)],
  ];
  return all.filter((pair): pair is [string, string] => pair[1] != null);
}

const CUTS: Record<string, string> = {
  "content-filter": "The provider’s filter ended this answer.",
  "tool-calls": "This answer ended with the call of a tool.",
  other: "The provider ended this answer and did not say why.",
};

/** Why an answer ended before it was whole, and what helps; null where it is whole. */
export function cutWords({ metadata }: Pick<Message, "metadata">): string | null {
  const reason = textOf(metadata.finishReason);
  if (reason === "length") {
    const most = numberOf(objectOf(metadata.settings).max_tokens);
    const limit = most === null ? "its limit" : `its limit of ${count.format(most)} tokens`;
    return `This answer was cut at ${limit}. Raise “Max tokens” in the answer settings, and regenerate it.`;
  }
  return (reason && CUTS[reason]) ?? null;
}
