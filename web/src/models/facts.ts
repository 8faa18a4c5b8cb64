/** What is known of models, in words: what they can do, what they cost, how they do, and which are shown together. */

import type { Capability, Model, Price } from "../protocol/types.ts";
import { moneyWords } from "../ui/money.ts";

/** What is told of a model in the list, in this order. */
export const SHOWN: { name: Exclude<Capability, "audio" | "structured">; words: string }[] = [
  { name: "tools", words: "Uses tools" },
  { name: "vision", words: "Sees pictures" },
  { name: "reasoning", words: "Reasons" },
  { name: "search", words: "Searches the web" },
  { name: "files", words: "Reads files" },
];

/** "128k", "1.5M" tokens. */
export function sizeWords(tokens: number): string {
  if (tokens >= 999_500) return `${+(tokens / 1_000_000).toFixed(1)}M`;
  return tokens >= 1000 ? `${Math.round(tokens / 1000)}k` : `${tokens}`;
}

/** What a million tokens cost, in and out. */
export function priceWords({ input, output }: Price): string {
  if (input === 0 && output === 0) return "Free";
  return `${moneyWords(input)} in · ${moneyWords(output)} out`;
}

const HEALTH = { slow: "Slow of late", failing: "Failing of late" } as const;

/** How it does, where that is worth a word. */
export function healthWords({ health }: Pick<Model, "health">): string | null {
  return health === "slow" || health === "failing" ? HEALTH[health] : null;
}

export function keyWords({ key, provider }: Pick<Model, "key" | "provider">): string | null {
  if (key === null || provider === "demo") return null;
  return key === "user" ? "Your key pays" : "The server’s key pays";
}

/** All that the list shows of a model, for those who hear it. */
export function spoken(model: Model): string {
  const can = SHOWN.filter(({ name }) => model.capabilities[name]).map(({ words }) => words.toLowerCase());
  const { input, output } = model.price ?? {};
  const price =
    model.price && priceWords(model.price) === "Free"
      ? "free"
      : model.price && `${moneyWords(input!)} in and ${moneyWords(output!)} out for a million tokens`;
  const all = [
    `${model.name}, ${model.provider_name || model.provider}`,
    ...can,
    model.context && `takes ${sizeWords(model.context)} tokens`,
    price,
    healthWords(model)?.toLowerCase(),
    keyWords(model)?.toLowerCase(),
    model.retires && `retires on ${model.retires}`,
    !model.available && (model.reason ?? "not available"),
  ];
  return all.filter(Boolean).join(", ");
}

/** Every word of the filter is in the model's name, its id or its provider's name. */
export function matches({ id, name, provider_name }: Model, filter: string): boolean {
  const all = `${name} ${id} ${provider_name}`.toLowerCase();
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}

export type Line =
  | { kind: "head"; key: string; title: string; note: string | null; keyed: boolean }
  /** `named`: its provider and who pays stand nowhere above it. `at` counts the models alone. */
  | { kind: "model"; key: string; model: Model; named: boolean; at: number; reason: string | null };

/** The lines of the list: favourites first, then by provider, of whose models one key pays for all; what holds for a whole group stands above it. */
export function linesOf(models: readonly Model[], favourites: ReadonlySet<string>, filter: string): Line[] {
  const shown = models.filter((model) => matches(model, filter));
  const groups = new Map<string, Model[]>();
  for (const model of shown) {
    const group = favourites.has(model.id) ? FAVOURITES : model.provider;
    const members = groups.get(group);
    if (members) members.push(model);
    else groups.set(group, [model]);
  }
  const liked = groups.get(FAVOURITES);
  groups.delete(FAVOURITES);
  const lines: Line[] = [];
  let at = 0;
  const add = (key: string, title: string, members: Model[]) => {
    const shared = key === FAVOURITES ? null : sharedReason(members);
    const keyed = shared !== null && members.every((model) => model.key === null);
    const note = shared ?? (key === FAVOURITES ? null : keyWords(members[0]!));
    lines.push({ kind: "head", key: `head:${key}`, title, note, keyed });
    for (const model of members) {
      const reason = model.available || shared !== null ? null : model.reason;
      lines.push({ kind: "model", key: model.id, model, named: key === FAVOURITES, at: at++, reason });
    }
  };
  if (liked) add(FAVOURITES, "Favourites", liked);
  for (const [provider, members] of groups) add(provider, members[0]!.provider_name || provider, members);
  return lines;
}

/** No provider is called so: their names have no blanks. */
const FAVOURITES = " favourites";

/** Why none of them can be used, where that is the same for all. */
function sharedReason(members: readonly Model[]): string | null {
  const { available, reason } = members[0]!;
  if (available || reason === null) return null;
  return members.every((model) => !model.available && model.reason === reason) ? reason : null;
}
