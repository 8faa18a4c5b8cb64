/** A conversation as one flowing document: only what is near the view is in the page. */

import { useVirtualizer } from "@tanstack/react-virtual";
import { type RefObject, useEffect, useLayoutEffect, useRef, useState } from "react";
import { ArrowDown } from "../ui/icons.tsx";
import { OneRow } from "./row.tsx";
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

/** Only what is near the view is rendered; the end of the list stays in view while it grows. */
function useRows(frame: RefObject<HTMLDivElement | null>, rows: readonly Row[]) {
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
  useLayoutEffect(() => virtualizer.scrollToEnd(), [virtualizer]);
  // What one sends oneself is shown, wherever one was reading.
  const sent = rows.findLast((row) => row.kind === "pending")?.key;
  useEffect(() => {
    if (sent) virtualizer.scrollToEnd();
  }, [sent, virtualizer]);
  return virtualizer;
}

export function Thread({ conversation, rows, model, busy }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const virtualizer = useRows(frame, rows);
  const far = useFarFromEnd(frame);
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
          {virtualizer.getVirtualItems().map(({ key, index }) => (
            <div
              key={key}
              ref={virtualizer.measureElement}
              data-index={index}
              className="absolute left-0 w-full"
            >
              <OneRow
                conversation={conversation}
                row={rows[index]!}
                model={model}
                first={index === 0}
                last={index === rows.length - 1}
              />
            </div>
          ))}
        </div>
      </div>
      {far && <ToTheEnd onClick={() => virtualizer.scrollToEnd({ behavior: "smooth" })} />}
    </div>
  );
}

function ToTheEnd({ onClick }: { onClick(): void }) {
  return (
    <button
      type="button"
      data-testid="jump-to-latest"
      aria-label="Jump to the latest message"
      title="Jump to the latest message"
      onClick={onClick}
      className="fade-in absolute bottom-3 left-1/2 grid size-9 -translate-x-1/2 place-items-center rounded-full border border-line bg-raised text-soft shadow-float transition-colors hover:text-ink"
    >
      <ArrowDown className="size-[1.15rem]" />
    </button>
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
