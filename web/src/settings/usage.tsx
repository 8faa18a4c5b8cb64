/** What was used: the limits with what is left, and by day and model what was asked and what it cost. */

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { type ReactNode, useMemo, useState } from "react";
import { Link } from "wouter";
import { whenWords } from "../protocol/times.ts";
import { useMe } from "../state/hooks.ts";
import { barsOf, costWords, lastDays, limitWords, MEASURES, type Measure, totals } from "./figures.ts";
import { Plot } from "./plot.tsx";
import { LIMITS, own, type Spent, type Usage } from "./requests.ts";
import { Read, Section } from "./section.tsx";
import { ByDay, ByModel } from "./usage-tables.tsx";

const SPANS = [7, 30, 90];

export function UsageOfMine() {
  const [days, setDays] = useState(30);
  const usage = useQuery({
    queryKey: ["own", "usage", days],
    queryFn: () => own.usage(days),
    staleTime: 0,
    placeholderData: keepPreviousData,
  });
  return (
    <>
      <Section
        title="Limits"
        lead="Tokens and cost count only where the server’s key pays; your own keys have no limit here."
      >
        <Read query={usage} lines={2}>
          {({ limits }) => <Limits limits={limits} />}
        </Read>
      </Section>
      <Section
        title="What you used"
        lead="Days are those of UTC. Costs are counted at the providers’ list prices."
      >
        <Read query={usage} lines={4}>
          {({ items }) => <Used items={items} days={days} onDays={setDays} />}
        </Read>
      </Section>
    </>
  );
}

function Limits({ limits }: Pick<Usage, "limits">) {
  const { data: me } = useMe();
  const now = new Date();
  const shown = LIMITS.filter((name) => name === "messages" || limits[name].limit !== null);
  return (
    <>
      <dl className="grid gap-3 sm:grid-cols-2">
        {shown.map((name) => {
          const { used, limit, resets_at } = limits[name];
          const words = limitWords(name, limits[name]);
          return (
            <div
              key={name}
              data-testid={`limit-${name}`}
              className="rounded-xl border border-line bg-raised px-4 py-3"
            >
              <dt className="text-[0.8125rem] text-faint">{words.title}</dt>
              <dd>
                <span className="text-sm font-medium">{words.used}</span>
                {limit !== null && <Meter part={limit === 0 ? 1 : used / limit} />}
                {words.left && (
                  <span className="block text-[0.8125rem] text-soft">
                    {words.left} left{resets_at !== null && `; more is free ${whenWords(resets_at, now)}`}
                  </span>
                )}
              </dd>
            </div>
          );
        })}
      </dl>
      {me?.kind === "guest" && (
        <p className="mt-3 text-sm text-soft">
          <Link
            href="/register?return_to=/settings/usage"
            className="rounded text-accent underline underline-offset-2"
          >
            Register
          </Link>{" "}
          to send more, and to keep your chats.
        </p>
      )}
    </>
  );
}

function Meter({ part }: { part: number }) {
  const full = Math.min(1, part);
  return (
    <span aria-hidden="true" className="my-1.5 block h-1.5 overflow-hidden rounded-full bg-active">
      <span
        className={`block h-full rounded-full ${full >= 1 ? "bg-danger" : "bg-accent"}`}
        style={{ width: `${full * 100}%` }}
      />
    </span>
  );
}

function Used({ items, days, onDays }: { items: Spent[]; days: number; onDays(days: number): void }) {
  const [measure, setMeasure] = useState<Measure>("messages");
  const bars = useMemo(() => barsOf(items, lastDays(days, new Date()), measure), [items, days, measure]);
  const byModel = useMemo(() => totals(items), [items]);
  return (
    <>
      <div className="mb-4 flex flex-wrap gap-x-6 gap-y-2">
        <Choice label="What is shown">
          {MEASURES.map((one) => (
            <Chip key={one} on={one === measure} onClick={() => setMeasure(one)}>
              {one[0]!.toUpperCase() + one.slice(1)}
            </Chip>
          ))}
        </Choice>
        <Choice label="How far back">
          {SPANS.map((one) => (
            <Chip key={one} on={one === days} onClick={() => onDays(one)}>
              {one} days
            </Chip>
          ))}
        </Choice>
      </div>
      <Plot bars={bars} measure={measure} />
      {items.length === 0 ? (
        <p className="mt-6 text-sm text-faint">Nothing yet.</p>
      ) : (
        <>
          <ByModel totals={byModel} sum={costWords(sumOf(byModel))} />
          <ByDay items={items} />
        </>
      )}
    </>
  );
}

function sumOf(byModel: ReturnType<typeof totals>) {
  return {
    cost: byModel.reduce((sum, { cost }) => sum + cost, 0),
    unpriced: byModel.some(({ unpriced }) => unpriced),
  };
}

function Choice({ label, children }: { label: string; children: ReactNode }) {
  return (
    <div role="group" aria-label={label} className="flex gap-1">
      {children}
    </div>
  );
}

function Chip({ on, onClick, children }: { on: boolean; onClick(): void; children: ReactNode }) {
  return (
    <button
      type="button"
      aria-pressed={on}
      onClick={onClick}
      className="h-8 rounded-lg border border-line px-3 text-[0.8125rem] touch:h-10 hover:bg-hover aria-pressed:border-accent aria-pressed:bg-accent-soft aria-pressed:font-medium aria-pressed:text-accent"
    >
      {children}
    </button>
  );
}
