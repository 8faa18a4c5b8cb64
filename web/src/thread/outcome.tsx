/** How an answer ended, where that has to be said: failed, stopped, interrupted. */

import type { MessageStatus } from "../protocol/types.ts";
import { useCompany } from "../sharing/company.ts";
import { Button } from "../ui/button.tsx";
import { Warning } from "../ui/icons.tsx";

interface OutcomeProps {
  status: MessageStatus;
  text: string | null;
  empty: boolean;
  busy: boolean;
  /** Null: one may not ask for another. */
  onAgain: (() => void) | null;
}

export function Outcome({ status, text, empty, busy, onAgain }: OutcomeProps) {
  const { shared } = useCompany();
  if (status === "error") {
    return (
      <div
        data-testid="error"
        role="alert"
        className="mt-1 flex items-center gap-3 rounded-xl bg-danger-soft px-4 py-3 text-sm leading-relaxed"
      >
        <Warning className="size-[1.15rem] shrink-0 text-danger" />
        <p className="min-w-0 grow break-words">{text ?? "The answer failed before it was whole."}</p>
        {onAgain && (
          <Button data-testid="retry" disabled={busy} onClick={onAgain} className="bg-raised">
            Retry
          </Button>
        )}
      </div>
    );
  }
  if (status === "stopped") {
    return (
      <p className="mt-3 text-sm text-faint">
        {empty
          ? "Stopped before it began."
          : shared
            ? "This answer was stopped."
            : "You stopped this answer."}
      </p>
    );
  }
  if (status !== "interrupted") return null;
  return (
    <p className="mt-3 flex flex-wrap items-center gap-3 text-sm text-warn">
      This answer was interrupted. What had come is kept.
      {onAgain && (
        <Button disabled={busy} onClick={onAgain}>
          Regenerate
        </Button>
      )}
    </p>
  );
}
