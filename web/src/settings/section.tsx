/** A part of a settings screen, and the lists in it. */

import type { UseQueryResult } from "@tanstack/react-query";
import { type ReactNode, useId } from "react";
import { wordsOf } from "../protocol/api.ts";
import { Button } from "../ui/button.tsx";

interface SectionProps {
  title: string;
  lead?: ReactNode;
  children: ReactNode;
}

export function Section({ title, lead, children }: SectionProps) {
  const id = useId();
  return (
    <section aria-labelledby={id}>
      <h2 id={id} className="text-base font-semibold">
        {title}
      </h2>
      {lead && <p className="mt-1 max-w-prose text-sm leading-6 text-soft">{lead}</p>}
      <div className="mt-4">{children}</div>
    </section>
  );
}

/** Shows what was read; meanwhile a place of about its size, or why there is nothing. */
export function Read<T>({
  query,
  lines = 3,
  children,
}: {
  query: UseQueryResult<T>;
  lines?: number;
  children(data: T): ReactNode;
}) {
  if (query.data !== undefined) return children(query.data);
  if (query.isError) {
    return (
      <div role="alert" className="space-y-3 text-sm text-soft">
        <p>{wordsOf(query.error)}</p>
        <Button onClick={() => void query.refetch()}>Try again</Button>
      </div>
    );
  }
  return (
    <div role="status" aria-label="Loading" className="space-y-3">
      {Array.from({ length: lines }, (_, at) => (
        <div key={at} className="shimmer h-14" />
      ))}
    </div>
  );
}

export function Rows({ label, children }: { label: string; children: ReactNode }) {
  return (
    <ul aria-label={label} className="divide-y divide-line overflow-hidden rounded-xl border border-line">
      {children}
    </ul>
  );
}

interface RowProps {
  title: ReactNode;
  note?: ReactNode;
  /** Buttons at its end. */
  actions?: ReactNode;
  children?: ReactNode;
  testId?: string;
}

export function Row({ title, note, actions, children, testId }: RowProps) {
  return (
    <li data-testid={testId} className="bg-raised px-4 py-3">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
        <div className="min-w-48 grow basis-0">
          <p className="text-sm font-medium break-words">{title}</p>
          {note && <p className="text-[0.8125rem] leading-5 break-words text-faint">{note}</p>}
        </div>
        {actions && <div className="flex flex-wrap gap-2">{actions}</div>}
      </div>
      {children}
    </li>
  );
}
