/** A model's answer: skeleton, then the stream, then its marks and what one can do with it. */

import { memo, type ReactNode, useState } from "react";
import { wordsOf } from "../protocol/api.ts";
import { textOf } from "../protocol/events.ts";
import { isActive, type Message, type MessageStatus } from "../protocol/types.ts";
import { useCompany } from "../sharing/company.ts";
import { useRun } from "../state/hooks.ts";
import { endOf, type RunView } from "../state/runs.ts";
import type { Node } from "../state/tree.ts";
import { cancel, regenerate } from "../state/turns.ts";
import { Button, IconButton } from "../ui/button.tsx";
import { CopyButton } from "../ui/copy-button.tsx";
import { Retry } from "../ui/icons.tsx";
import { Outcome } from "./outcome.tsx";
import { isVisible, Parts } from "./parts.tsx";
import { isFollowed } from "./rows.ts";
import { Siblings } from "./siblings.tsx";
import { Cut, Spent } from "./spent.tsx";

export function Skeleton() {
  return (
    <div
      data-testid="skeleton"
      role="status"
      aria-label="Waiting for the answer"
      className="space-y-3 pt-1.5"
    >
      <div className="shimmer h-3.5 w-[92%]" />
      <div className="shimmer h-3.5 w-[84%]" />
      <div className="shimmer h-3.5 w-[58%]" />
    </div>
  );
}

/** What the answer's state is, from the list and from what was seen of its stream. */
function statusOf(message: Message, run: RunView): MessageStatus {
  return isActive(message.status) && run.finished ? endOf(run) : message.status;
}

interface Props {
  conversation: string;
  node: Node;
  /** Another answer of this branch is written first. */
  waits: boolean;
  last: boolean;
  model: string | null;
}

export const Answer = memo(function Answer({ conversation, node, waits, last, model }: Props) {
  const { message } = node;
  const run = useRun(isFollowed(message) ? message.run_id : null);
  const status = statusOf(message, run);
  const parts = run.parts.length >= message.parts.length ? run.parts : message.parts;
  const live = isActive(status);
  const writes = useCompany().role !== "observer";
  const { again, busy, failure } = useAgain(conversation, message, model);
  return (
    <article
      data-testid="message"
      data-role="assistant"
      data-message-id={message.id}
      data-status={status}
      aria-label="Answer"
      aria-busy={live}
      // As tall as the skeleton while it is the last, so that nothing moves when a short answer ends.
      className={`group relative ${live || last ? "min-h-[8.5rem]" : ""}`}
    >
      {waits ? (
        <Waiting conversation={conversation} message={message} />
      ) : live && !isVisible(parts) ? (
        <Skeleton />
      ) : (
        <Parts message={message.id} parts={parts} live={live} />
      )}
      {live && run.recovering && <p className="mt-3 text-sm text-faint">Picking up where it left off…</p>}
      {!live && (
        <Outcome
          status={status}
          text={run.errorText}
          empty={!isVisible(parts)}
          onAgain={writes ? again : null}
          busy={busy}
        />
      )}
      {status === "completed" && <Cut message={message} />}
      {failure && (
        <p role="alert" className="mt-2 text-sm text-danger">
          {failure}
        </p>
      )}
      <Actions conversation={conversation} node={node} live={live} last={last} text={() => textOf(parts)}>
        {writes && <Regenerate busy={busy} onClick={() => void again()} />}
      </Actions>
    </article>
  );
});

function Regenerate({ busy, onClick }: { busy: boolean; onClick(): void }) {
  return (
    <IconButton data-testid="regenerate" size="small" label="Regenerate" disabled={busy} onClick={onClick}>
      <Retry className={`size-4 ${busy ? "animate-spin" : ""}`} />
    </IconButton>
  );
}

interface ActionsProps {
  conversation: string;
  node: Node;
  live: boolean;
  last: boolean;
  text: () => string;
  children: ReactNode;
}

/** What one can do with an answer; while it is written, only go to its other versions. */
function Actions({ conversation, node, live, last, text, children }: ActionsProps) {
  if (live && node.siblings.length < 2) return null;
  const quiet = "opacity-0 group-focus-within:opacity-100 group-hover:opacity-100 touch:opacity-100";
  return (
    <div
      className={`mt-1.5 -ml-1.5 flex h-8 touch:h-10 items-center gap-0.5 transition-opacity ${last ? "" : quiet}`}
    >
      <Siblings conversation={conversation} node={node} />
      {!live && (
        <>
          {text() !== "" && <CopyButton testId="copy" label="Copy the answer" text={text} />}
          {children}
          <Spent message={node.message} />
        </>
      )}
    </div>
  );
}

function useAgain(conversation: string, message: Message, model: string | null) {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<string | null>(null);
  const again = async () => {
    setBusy(true);
    setFailure(null);
    try {
      await regenerate(conversation, message, model);
    } catch (error) {
      setFailure(wordsOf(error));
    } finally {
      setBusy(false);
    }
  };
  return { again, busy, failure };
}

function Waiting({ conversation, message }: { conversation: string; message: Message }) {
  const { role } = useCompany();
  const onCancel = () => {
    cancel(conversation, message);
    document.getElementById("composer")?.focus();
  };
  return (
    <div className="flex items-center gap-3 pt-1 text-sm text-faint">
      <span className="dots" aria-hidden="true">
        <i />
        <i />
        <i />
      </span>
      Queued until the answer above is done
      {role !== "observer" && <Button onClick={onCancel}>Cancel</Button>}
    </div>
  );
}
