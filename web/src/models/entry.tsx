/** One line of the list of models: what a model can do, takes and costs, and whether one likes it. */

import type { KeyboardEvent, ReactNode } from "react";
import { Link } from "wouter";
import type { Capability, Model } from "../protocol/types.ts";
import { Check, Eye, Globe, Page, Star, Thought, Tool } from "../ui/icons.tsx";
import { healthWords, keyWords, type Line, priceWords, SHOWN, sizeWords, spoken } from "./facts.ts";

const ICONS: Record<(typeof SHOWN)[number]["name"], typeof Tool> = {
  tools: Tool,
  vision: Eye,
  reasoning: Thought,
  search: Globe,
  files: Page,
} satisfies Partial<Record<Capability, typeof Tool>>;

/** What stands above a group: its name, why none of it can be used, and where that is mended. */
export function Head({ line }: { line: Extract<Line, { kind: "head" }> }) {
  return (
    <div className="px-2.5 pt-2.5 pb-1 text-xs text-faint">
      <span className="font-medium">{line.title}</span>
      {line.note && <span className="mt-0.5 block leading-snug">{line.note}</span>}
      {line.keyed && (
        <Link
          href="/settings/keys"
          role="menuitem"
          className="mt-0.5 inline-block rounded text-accent underline underline-offset-2 touch:py-2"
        >
          Add a key
        </Link>
      )}
    </div>
  );
}

interface EntryProps {
  line: Extract<Line, { kind: "model" }>;
  /** Of how many models it is one. */
  count: number;
  chosen: boolean;
  /** The keyboard has it. */
  current: boolean;
  onChoose(): void;
  onLike(id: string, favourite: boolean): void;
}

export function Entry(props: EntryProps) {
  const { name } = props.line.model;
  return (
    <div
      role="group"
      aria-label={name}
      className="flex items-start gap-0.5 rounded-lg hover:bg-hover focus-within:bg-hover"
    >
      <Choice {...props} />
      <Liking model={props.line.model} onLike={props.onLike} />
    </div>
  );
}

/** What Enter and the blank do, and where an arrow leads beside it. */
function onKeys(act: () => void, arrow: "ArrowRight" | "ArrowLeft") {
  return (event: KeyboardEvent<HTMLElement>) => {
    const { key, currentTarget: here } = event;
    const beside = arrow === "ArrowRight" ? here.nextElementSibling : here.previousElementSibling;
    if (key === arrow) (beside as HTMLElement).focus();
    if (key !== "Enter" && key !== " ") return;
    event.preventDefault();
    act();
  };
}

function Choice({ line, count, chosen, current, onChoose }: EntryProps) {
  const { model, reason } = line;
  const { available } = model;
  return (
    <div
      role="menuitemradio"
      aria-checked={chosen}
      aria-disabled={!available || undefined}
      data-disabled={available ? undefined : ""}
      aria-posinset={line.at + 1}
      aria-setsize={count}
      aria-label={spoken(model)}
      tabIndex={current ? 0 : -1}
      data-model={model.id}
      onClick={onChoose}
      onKeyDown={onKeys(onChoose, "ArrowRight")}
      className="flex min-w-0 grow items-start gap-2 rounded-lg px-2.5 py-1.5 text-sm select-none focus-visible:-outline-offset-2"
    >
      <span className="grid size-5 shrink-0 place-items-center text-accent">
        {chosen && <Check className="size-4" />}
      </span>
      <span className="min-w-0 grow">
        <span className={`block truncate leading-5 ${available ? "" : "text-faint"}`}>
          {model.name}
          {line.named && <span className="text-faint"> · {model.provider_name || model.provider}</span>}
        </span>
        {reason ? (
          <span className="block text-xs leading-snug text-faint">{reason}</span>
        ) : (
          <Facts line={line} />
        )}
      </span>
    </div>
  );
}

function Liking({ model: { id, name, favourite }, onLike }: { model: Model } & Pick<EntryProps, "onLike">) {
  const change = () => onLike(id, !favourite);
  return (
    <div
      role="menuitemcheckbox"
      aria-checked={favourite}
      aria-label={`Favourite: ${name}`}
      title={favourite ? "A favourite" : "Make it a favourite"}
      tabIndex={-1}
      onClick={change}
      onKeyDown={onKeys(change, "ArrowLeft")}
      className={`mt-1 mr-1 grid size-7 shrink-0 cursor-pointer place-items-center rounded-md hover:bg-active touch:size-10 ${favourite ? "text-accent" : "text-faint"}`}
    >
      <Star className="size-4" fill={favourite ? "currentColor" : "none"} />
    </div>
  );
}

/** What it can do as icons, what it takes and costs, how it does, and who pays. */
function Facts({ line: { model, named } }: Pick<EntryProps, "line">) {
  const { capabilities, context, price, retires } = model;
  const health = healthWords(model);
  const words: ReactNode[] = [
    context && <span title="Tokens that it takes">{sizeWords(context)}</span>,
    price && <span title="US dollars for a million tokens">{priceWords(price)}</span>,
    named && keyWords(model),
    retires && `Until ${retires}`,
    health && <span className={model.health === "failing" ? "text-danger" : "text-warn"}>{health}</span>,
  ];
  return (
    <span className="flex flex-wrap items-center gap-x-1.5 text-xs leading-4.5 text-faint">
      {SHOWN.map(({ name, words: label }) => {
        const Icon = ICONS[name];
        return (
          capabilities[name] && (
            <span key={name} title={label}>
              <Icon className="size-3.5" />
            </span>
          )
        );
      })}
      {words.map((word, at) => word && <span key={at}>{word}</span>)}
    </span>
  );
}
