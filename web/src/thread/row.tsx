/** One row of a thread, with its piece of the line that runs down the margin. */

import { memo } from "react";
import { Answer, Skeleton } from "./answer.tsx";
import { OnItsWay, Question } from "./question.tsx";
import type { Row } from "./rows.ts";

interface Props {
  conversation: string;
  row: Row;
  model: string | null;
  first: boolean;
  last: boolean;
}

export const OneRow = memo(
  function OneRow({ conversation, row, model, first, last }: Props) {
    const asked = row.kind === "pending" || (row.kind === "message" && row.node.message.role !== "assistant");
    return (
      <div className={`relative flow-root pl-6 sm:pl-8 ${asked ? "" : "pb-7"}`}>
        <span
          aria-hidden="true"
          className={`absolute bottom-0 left-[4px] w-px ${asked && first ? "top-4" : "top-0"} ${last ? "bg-linear-to-b from-thread from-70% to-transparent" : "bg-thread"}`}
        />
        {row.kind === "message" && row.cut && <Left />}
        {row.kind === "pending" ? (
          <OnItsWay pending={row.pending} waits={row.waits} />
        ) : row.kind === "awaited" ? (
          <article
            data-testid="message"
            data-role="assistant"
            data-status="streaming"
            aria-label="Answer"
            className="min-h-[8.5rem]"
          >
            <Skeleton />
          </article>
        ) : row.node.message.role === "assistant" ? (
          <Answer
            conversation={conversation}
            node={row.node}
            waits={row.waits}
            last={row.last}
            model={model}
          />
        ) : (
          <Question conversation={conversation} node={row.node} model={model} />
        )}
      </div>
    );
  },
  // Rows are made anew with every change of the list; what they show mostly is the same.
  (before, after) =>
    before.model === after.model &&
    before.first === after.first &&
    before.last === after.last &&
    before.conversation === after.conversation &&
    sameRow(before.row, after.row),
);

/** Lies in the room below the answer before, so that nothing moves for it. */
function Left() {
  return (
    <p
      data-testid="context-start"
      className="absolute inset-x-0 -top-6 flex h-5 items-center gap-3 pl-6 text-xs text-faint sm:pl-8"
    >
      Older messages are not sent to the model.
      <span aria-hidden="true" className="h-px grow bg-line" />
    </p>
  );
}

function sameRow(a: Row, b: Row): boolean {
  if (a.kind === "pending") return b.kind === "pending" && a.pending === b.pending && a.waits === b.waits;
  if (a.kind === "awaited") return b.kind === "awaited" && a.key === b.key;
  if (b.kind !== "message") return false;
  const { node } = a;
  return (
    a.waits === b.waits &&
    a.last === b.last &&
    a.cut === b.cut &&
    node.message === b.node.message &&
    node.index === b.node.index &&
    node.siblings.length === b.node.siblings.length &&
    node.siblings.every((sibling, at) => sibling.id === b.node.siblings[at]!.id)
  );
}
