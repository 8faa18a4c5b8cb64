/** What was used, in tables: by model, and day by day. */

import type { ReactNode } from "react";
import { amountWords, costWords, type Total } from "./figures.ts";
import type { Spent } from "./requests.ts";

export function Table({ caption, head, children }: { caption: string; head: string[]; children: ReactNode }) {
  return (
    <div className="overflow-x-auto" role="region" aria-label={caption} tabIndex={0}>
      <table className="w-full text-left text-sm [&_td]:border-t [&_td]:border-line [&_td]:py-2 [&_td]:pr-4 [&_th]:py-2 [&_th]:pr-4 [&_tbody_th]:border-t [&_tbody_th]:border-line">
        <caption className="sr-only">{caption}</caption>
        <thead>
          <tr className="text-[0.8125rem] text-faint">
            {head.map((words) => (
              <th key={words} scope="col" className="font-medium whitespace-nowrap">
                {words}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="tabular-nums">{children}</tbody>
      </table>
    </div>
  );
}

export function ByModel({ totals, sum }: { totals: Total[]; sum: string }) {
  return (
    <div className="mt-6">
      <Table caption="By model" head={["Model", "Messages", "Tokens", "Cost"]}>
        {totals.map((total) => (
          <tr key={total.model}>
            <th scope="row" className="font-normal break-all">
              {total.model}
            </th>
            <td>{amountWords(total.messages, "messages")}</td>
            <td>{amountWords(total.tokens, "tokens")}</td>
            <td>{costWords(total)}</td>
          </tr>
        ))}
        <tr className="font-medium">
          <th scope="row" className="font-medium">
            All
          </th>
          <td>
            {amountWords(
              totals.reduce((all, { messages }) => all + messages, 0),
              "messages",
            )}
          </td>
          <td>
            {amountWords(
              totals.reduce((all, { tokens }) => all + tokens, 0),
              "tokens",
            )}
          </td>
          <td>{sum}</td>
        </tr>
      </Table>
    </div>
  );
}

const HEAD = ["Day", "Model", "Key", "Messages", "In", "of it cached", "Out", "of it reasoning", "Cost"];

/** The newest day first. */
export function ByDay({ items }: { items: Spent[] }) {
  const rows = [...items].sort((a, b) => b.day.localeCompare(a.day) || a.model.localeCompare(b.model));
  return (
    <details className="mt-4">
      <summary className="cursor-pointer rounded text-sm text-accent">Day by day</summary>
      <Table caption="Day by day" head={HEAD}>
        {rows.map((row) => (
          <tr key={`${row.day} ${row.model} ${row.key_owner}`}>
            <th scope="row" className="font-normal whitespace-nowrap">
              {row.day}
            </th>
            <td>{row.model}</td>
            <td>{row.key_owner === "user" ? "yours" : "the server’s"}</td>
            <td>{amountWords(row.runs, "messages")}</td>
            <td>{amountWords(row.input_tokens, "tokens")}</td>
            <td>{amountWords(row.cached_tokens, "tokens")}</td>
            <td>{amountWords(row.output_tokens, "tokens")}</td>
            <td>{amountWords(row.reasoning_tokens, "tokens")}</td>
            <td>{costWords({ cost: row.cost ?? 0, unpriced: row.cost === null })}</td>
          </tr>
        ))}
      </Table>
    </details>
  );
}
