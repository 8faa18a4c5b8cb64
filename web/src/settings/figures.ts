/** What was used, as figures: by day and model for the plot, by model for the table, and in words. */

import { moneyWords } from "../ui/money.ts";
import type { Limit, LimitName, Spent } from "./requests.ts";

export const MEASURES = ["messages", "tokens", "cost"] as const;
export type Measure = (typeof MEASURES)[number];

/** So many models have a colour of their own; the rest are one. */
const SHOWN = 5;
export const OTHERS = "Others";

export interface Total {
  model: string;
  messages: number;
  tokens: number;
  /** US dollars, as far as prices are known. */
  cost: number;
  /** Some of it has no known price. */
  unpriced: boolean;
}

export interface Bars {
  days: { day: string; values: number[]; total: number }[];
  /** By place in `values`. */
  models: string[];
  /** Where the plot ends: a round number that no day exceeds. */
  top: number;
}

function amount(spent: Spent, measure: Measure): number {
  if (measure === "messages") return spent.runs;
  return measure === "tokens" ? spent.input_tokens + spent.output_tokens : (spent.cost ?? 0);
}

/** By model, the most used first. */
export function totals(items: readonly Spent[]): Total[] {
  const byModel = new Map<string, Total>();
  for (const spent of items) {
    const { model } = spent;
    const old = byModel.get(model) ?? { model, messages: 0, tokens: 0, cost: 0, unpriced: false };
    byModel.set(model, {
      model,
      messages: old.messages + spent.runs,
      tokens: old.tokens + amount(spent, "tokens"),
      cost: old.cost + amount(spent, "cost"),
      unpriced: old.unpriced || spent.cost === null,
    });
  }
  return [...byModel.values()].sort((a, b) => b.tokens - a.tokens || b.messages - a.messages);
}

/** The days in UTC that end with the one of `now`, the oldest first. */
export function lastDays(count: number, now: Date): string[] {
  const today = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate());
  const day = (ago: number) => new Date(today - ago * 86_400_000).toISOString().slice(0, 10);
  return Array.from({ length: count }, (_, at) => day(count - 1 - at));
}

export function barsOf(items: readonly Spent[], days: readonly string[], measure: Measure): Bars {
  const ranked = totals(items).map(({ model }) => model);
  const models = ranked.length > SHOWN + 1 ? [...ranked.slice(0, SHOWN), OTHERS] : ranked;
  const placeOf = (model: string) => (models.includes(model) ? models.indexOf(model) : models.length - 1);
  const byDay = new Map(days.map((day) => [day, models.map(() => 0)]));
  for (const spent of items) {
    const values = byDay.get(spent.day);
    if (values) values[placeOf(spent.model)]! += amount(spent, measure);
  }
  const rows = [...byDay].map(([day, values]) => ({ day, values, total: values.reduce((a, b) => a + b, 0) }));
  return { days: rows, models, top: roundUp(Math.max(...rows.map(({ total }) => total), 0)) };
}

/** The next of 1, 2, 5, 10, 20, 50, …; 1 for nothing. */
export function roundUp(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5].find((step) => step * power >= value) ?? 10) * power;
}

export function amountWords(value: number, measure: Measure): string {
  return measure === "cost" ? moneyWords(value) : new Intl.NumberFormat("en").format(Math.round(value));
}

export function costWords({ cost, unpriced }: Pick<Total, "cost" | "unpriced">): string {
  if (!unpriced) return moneyWords(cost);
  return cost > 0 ? `${moneyWords(cost)} and more` : "unknown";
}

const LIMIT_WORDS: Record<LimitName, { name: string; measure: Measure }> = {
  messages: { name: "Messages in 24 hours", measure: "messages" },
  tokens_day: { name: "Tokens today", measure: "tokens" },
  tokens_month: { name: "Tokens this month", measure: "tokens" },
  cost_day: { name: "Cost today", measure: "cost" },
  cost_month: { name: "Cost this month", measure: "cost" },
};

/** A limit in words: what it is called, how much is used, how much is left. */
export function limitWords(name: LimitName, { used, limit }: Limit) {
  const { name: title, measure } = LIMIT_WORDS[name];
  const of = limit === null ? "no limit" : `of ${amountWords(limit, measure)}`;
  const left = limit === null ? null : amountWords(Math.max(0, limit - used), measure);
  return { title, used: `${amountWords(used, measure)} ${of}`, left };
}
