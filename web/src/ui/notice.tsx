/** What came of something that was asked for: said aloud, in a place that is kept for it. */

import type { ReactNode } from "react";
import { Check, Warning } from "./icons.tsx";

interface Props {
  id?: string;
  /** Whether it went well; null: there is nothing to say. */
  good: boolean | null;
  children?: ReactNode;
}

export function Notice({ id, good, children }: Props) {
  const words = <span className="min-w-0 break-words">{children}</span>;
  return (
    <div id={id} className="min-h-6 text-sm leading-6">
      <p role="status" className={good === true ? "flex items-start gap-2 text-accent" : undefined}>
        {good === true && <Check className="mt-1 size-4 shrink-0" />}
        {good === true && words}
      </p>
      {good === false && (
        <p role="alert" className="flex items-start gap-2 text-danger">
          <Warning className="mt-1 size-4 shrink-0" />
          {words}
        </p>
      )}
    </div>
  );
}
