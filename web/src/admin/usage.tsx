/** What everybody's answers took: by day and model, and by user. */

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { barsOf, costWords, lastDays, MEASURES, type Measure, totals } from "../settings/figures.ts";
import { Plot } from "../settings/plot.tsx";
import { Read, Section } from "../settings/section.tsx";
import { ByModel, Table } from "../settings/usage-tables.tsx";
import { Select } from "../ui/field.tsx";
import { Pages } from "./pages.tsx";
import { admin, type Spender } from "./requests.ts";
import { kindWords, personWords } from "./words.ts";

const SPANS = [7, 30, 90];

export function UsageOfAll() {
  const [days, setDays] = useState(30);
  const [measure, setMeasure] = useState<Measure>("messages");
  return (
    <>
      <Section title="What was used" lead="By everybody. Days are those of UTC, costs those of list prices.">
        <div className="grid gap-x-4 sm:grid-cols-2">
          <Select
            label="What is shown"
            value={measure}
            onChange={({ target }) => setMeasure(target.value as Measure)}
          >
            {MEASURES.map((one) => (
              <option key={one} value={one}>
                {one[0]!.toUpperCase() + one.slice(1)}
              </option>
            ))}
          </Select>
          <Select label="How far back" value={days} onChange={({ target }) => setDays(Number(target.value))}>
            {SPANS.map((one) => (
              <option key={one} value={one}>
                {one} days
              </option>
            ))}
          </Select>
        </div>
        <ByDays days={days} measure={measure} />
      </Section>
      <Section title="By user" lead="The dearest first.">
        <Pages
          queryKey={["admin", "spenders", days]}
          read={(cursor) => admin.spenders(days, cursor)}
          none="Nobody used anything."
          more="Show more users"
        >
          {(spenders) => <Spenders spenders={spenders} />}
        </Pages>
      </Section>
    </>
  );
}

function ByDays({ days, measure }: { days: number; measure: Measure }) {
  const usage = useQuery({
    queryKey: ["admin", "usage", days],
    queryFn: () => admin.usage(days),
    staleTime: 0,
    placeholderData: keepPreviousData,
  });
  const items = usage.data?.items;
  const bars = useMemo(
    () => barsOf(items ?? [], lastDays(days, new Date()), measure),
    [items, days, measure],
  );
  const byModel = useMemo(() => totals(items ?? []), [items]);
  const cost = byModel.reduce((sum, one) => sum + one.cost, 0);
  const unpriced = byModel.some((one) => one.unpriced);
  return (
    <Read query={usage} lines={4}>
      {() => (
        <>
          <Plot bars={bars} measure={measure} />
          {byModel.length > 0 && <ByModel totals={byModel} sum={costWords({ cost, unpriced })} />}
        </>
      )}
    </Read>
  );
}

const COUNT = new Intl.NumberFormat("en");

function Spenders({ spenders }: { spenders: Spender[] }) {
  return (
    <Table caption="By user" head={["User", "Kind", "Answers", "In", "Out", "Cost"]}>
      {spenders.map(({ user, runs, input_tokens, output_tokens, cost, unpriced }) => (
        <tr key={user.id}>
          <th scope="row" className="font-normal break-all">
            {personWords(user)}
          </th>
          <td>{kindWords(user.kind)}</td>
          <td>{COUNT.format(runs)}</td>
          <td>{COUNT.format(input_tokens)}</td>
          <td>{COUNT.format(output_tokens)}</td>
          <td>{costWords({ cost: cost ?? 0, unpriced: unpriced > 0 })}</td>
        </tr>
      ))}
    </Table>
  );
}
