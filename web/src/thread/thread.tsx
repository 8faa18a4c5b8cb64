/** A conversation as one flowing document: only what is near the view is in the page. */

import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, type RefObject, useEffect, useLayoutEffect, useRef, useState } from "react";
import { ArrowDown } from "../ui/icons.tsx";
import { Answer, Skeleton } from "./answer.tsx";
import { OnItsWay, Question } from "./question.tsx";
import { estimate, type Row } from "./rows.ts";

interface Props {
  conversation: string;
  rows: readonly Row[];
  model: string | null;
  busy: boolean;
}

/** Within so many pixels of the end a reader counts as reading along. */
const AT_END_PX = 32;
const FAR_PX = 160;

export function Thread({ conversation, rows, model, busy }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => frame.current,
    estimateSize: (index) => estimate(rows[index]),
    getItemKey: (index) => rows[index]!.key,
    anchorTo: "end",
    followOnAppend: true,
    scrollEndThreshold: AT_END_PX,
    overscan: 4,
    paddingStart: 24,
    paddingEnd: 28,
    directDomUpdates: true,
    directDomUpdatesMode: "position",
  });
  const far = useFarFromEnd(frame);

  useLayoutEffect(() => virtualizer.scrollToEnd(), [virtualizer]);

  // What one sends oneself is shown, wherever one was reading.
  const sent = rows.findLast((row) => row.kind === "pending")?.key;
  useEffect(() => {
    if (sent) virtualizer.scrollToEnd();
  }, [sent, virtualizer]);

  return (
    <div className="relative min-h-0 grow">
      <div
        ref={frame}
        tabIndex={0}
        role="region"
        aria-label="Conversation"
        className="gutter h-full overflow-y-auto overscroll-contain [overflow-anchor:none] focus-visible:outline-offset-[-3px]"
      >
        <div
          role="feed"
          aria-busy={busy}
          aria-label="Messages"
          className="column relative"
          ref={virtualizer.containerRef}
        >
          {virtualizer.getVirtualItems().map((item) => (
            <div
              key={item.key}
              ref={virtualizer.measureElement}
              data-index={item.index}
              className="absolute left-0 w-full"
            >
              <OneRow
                conversation={conversation}
                row={rows[item.index]!}
                model={model}
                first={item.index === 0}
                last={item.index === rows.length - 1}
              />
            </div>
          ))}
        </div>
      </div>
      {far && (
        <button
          type="button"
          data-testid="jump-to-latest"
          aria-label="Jump to the latest message"
          title="Jump to the latest message"
          onClick={() => virtualizer.scrollToEnd({ behavior: "smooth" })}
          className="fade-in absolute bottom-3 left-1/2 grid size-9 -translate-x-1/2 place-items-center rounded-full border border-line bg-raised text-soft shadow-float transition-colors hover:text-ink"
        >
          <ArrowDown className="size-[1.15rem]" />
        </button>
      )}
    </div>
  );
}

interface OneProps {
  conversation: string;
  row: Row;
  model: string | null;
  first: boolean;
  last: boolean;
}

/** A row with its piece of the thread that runs down the margin. */
const OneRow = memo(
  function OneRow({ conversation, row, model, first, last }: OneProps) {
    const asked = row.kind === "pending" || (row.kind === "message" && row.node.message.role !== "assistant");
    return (
      <div className={`relative flow-root pl-6 sm:pl-8 ${asked ? "" : "pb-7"}`}>
        <span
          aria-hidden="true"
          className={`absolute bottom-0 left-[4px] w-px ${asked && first ? "top-4" : "top-0"} ${last ? "bg-linear-to-b from-thread from-70% to-transparent" : "bg-thread"}`}
        />
        {row.kind === "pending" ? (
          <OnItsWay pending={row.pending} />
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

function sameRow(a: Row, b: Row): boolean {
  if (a.kind === "pending") return b.kind === "pending" && a.pending === b.pending;
  if (a.kind === "awaited") return b.kind === "awaited" && a.key === b.key;
  if (b.kind !== "message") return false;
  const { node } = a;
  return (
    a.waits === b.waits &&
    a.last === b.last &&
    node.message === b.node.message &&
    node.index === b.node.index &&
    node.siblings.length === b.node.siblings.length &&
    node.siblings.every((sibling, at) => sibling.id === b.node.siblings[at]!.id)
  );
}

/** Whether the reader is so far from the end that a way back helps. */
function useFarFromEnd(frame: RefObject<HTMLDivElement | null>): boolean {
  const [far, setFar] = useState(false);
  useEffect(() => {
    const element = frame.current!;
    const look = () => setFar(element.scrollHeight - element.scrollTop - element.clientHeight > FAR_PX);
    element.addEventListener("scroll", look, { passive: true });
    return () => element.removeEventListener("scroll", look);
  }, [frame]);
  return far;
}
