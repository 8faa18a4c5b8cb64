/** The models that may answer: filtered, gone through by keyboard, liked; only those near the view are in the page. */

import { defaultRangeExtractor, useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { wordsOf } from "../protocol/api.ts";
import type { ModelChoice } from "../state/hooks.ts";
import { composes } from "../ui/keys.ts";
import { Entry, Head } from "./entry.tsx";
import { type Line, linesOf } from "./facts.ts";
import { favour } from "./favourites.ts";

/** From so many models on, a field to filter them helps. */
const MANY = 12;
const HEAD_PX = 32;
const ENTRY_PX = 48;

interface Props {
  choice: ModelChoice;
  /** The list is done with. */
  onClose(): void;
}

export default function ModelList({ choice, onClose }: Props) {
  const { models } = choice;
  const [filter, setFilter] = useState("");
  const [failure, setFailure] = useState<string | null>(null);
  // As they were when it was opened: a model that is liked stays under the pointer.
  const [liked] = useState(() => new Set(models.filter(({ favourite }) => favourite).map(({ id }) => id)));
  const lines = useMemo(() => linesOf(models, liked, filter), [models, liked, filter]);
  const many = models.length > MANY;
  const walk = useWalk(lines, choice.id, many);
  const choose = (line: Line | undefined) => {
    if (line?.kind !== "model" || !line.model.available) return;
    choice.choose(line.model.id);
    onClose();
  };
  const like = (id: string, favourite: boolean) => {
    setFailure(null);
    favour(id, favourite).catch((error: unknown) => setFailure(wordsOf(error)));
  };
  return (
    <>
      {many && (
        <Filter
          value={filter}
          onChange={(words) => {
            setFilter(words);
            walk.virtualizer.scrollToOffset(0);
          }}
          onDown={() => walk.to(walk.first)}
          onEnter={() => choose(lines.find((line) => line.kind === "model" && line.model.available))}
        />
      )}
      <Lines lines={lines} choice={choice} walk={walk} onChoose={choose} onLike={like} />
      <Empty choice={choice} filter={filter} none={lines.length === 0} />
      {failure && (
        <p role="alert" className="border-t border-line px-2.5 py-2 text-sm text-danger">
          {failure}
        </p>
      )}
    </>
  );
}

type Walk = ReturnType<typeof useWalk>;

/** Where one is in the list: the line that the keyboard has, and how to go to others. */
function useWalk(lines: readonly Line[], chosen: string | null, many: boolean) {
  const frame = useRef<HTMLDivElement>(null);
  const first = lines.findIndex((line) => line.kind === "model");
  const own = lines.findIndex((line) => line.kind === "model" && line.model.id === chosen);
  const [wanted, setWanted] = useState(own);
  // What was gone to may be filtered away.
  const at = lines[wanted]?.kind === "model" ? wanted : first;
  const virtualizer = useVirtualizer({
    count: lines.length,
    getScrollElement: () => frame.current,
    estimateSize: (index) => (lines[index]!.kind === "head" ? HEAD_PX : ENTRY_PX),
    getItemKey: (index) => lines[index]!.key,
    initialOffset: Math.max(0, own - 3) * ENTRY_PX,
    overscan: 8,
    // The line that the keyboard has is there wherever one scrolls to, and gets the focus at once.
    rangeExtractor: (range) =>
      [...new Set([...defaultRangeExtractor(range), at])].filter((one) => one >= 0).sort((a, b) => a - b),
  });
  // With a field to filter the focus begins there; but for fingers, which a keyboard would hide the list from.
  const waiting = useRef(!many || !matchMedia("(hover: hover)").matches);
  const [, setMoved] = useState(0);
  const to = (index: number) => {
    if (lines[index]?.kind !== "model") return;
    waiting.current = true;
    setWanted(index);
    setMoved((count) => count + 1);
    virtualizer.scrollToIndex(index, { align: "auto" });
  };
  const rows = virtualizer.getVirtualItems();
  useLayoutEffect(() => {
    const line = frame.current?.querySelector<HTMLElement>("[role=menuitemradio][tabindex='0']");
    if (!line || !waiting.current) return;
    waiting.current = false;
    line.focus({ preventScroll: true });
  });
  return { frame, virtualizer, rows, at, first, to };
}

interface LinesProps {
  lines: readonly Line[];
  choice: ModelChoice;
  walk: Walk;
  onChoose(line: Line): void;
  onLike(id: string, favourite: boolean): void;
}

function Lines({ lines, choice, walk, onChoose, onLike }: LinesProps) {
  const { virtualizer, at } = walk;
  const count = lines.filter(({ kind }) => kind === "model").length;
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    const next = stepOf(event.key, lines, at);
    if (next === null) return;
    event.preventDefault();
    walk.to(next);
  };
  return (
    <div ref={walk.frame} className="min-h-0 grow overflow-y-auto">
      <div
        role="menu"
        aria-label="Models"
        tabIndex={-1}
        onKeyDown={onKeyDown}
        className="relative"
        style={{ height: virtualizer.getTotalSize() }}
      >
        {walk.rows.map(({ key, index, start }) => {
          const line = lines[index]!;
          return (
            <div
              key={key}
              ref={virtualizer.measureElement}
              data-index={index}
              role="presentation"
              className="absolute inset-x-0 top-0"
              style={{ transform: `translateY(${start}px)` }}
            >
              {line.kind === "head" ? (
                <Head line={line} />
              ) : (
                <Entry
                  line={line}
                  count={count}
                  chosen={line.model.id === choice.id}
                  current={index === at}
                  onChoose={() => onChoose(line)}
                  onLike={onLike}
                />
              )}
            </div>
          );
        })}
      </div>
    </div>
  );
}

/** Where a key leads from a line; null where it leads nowhere. */
export function stepOf(key: string, lines: readonly Line[], at: number): number | null {
  const models = lines.flatMap((line, index) => (line.kind === "model" ? [index] : []));
  const place = models.indexOf(at);
  const steps: Record<string, number | undefined> = {
    ArrowDown: models[place + 1],
    ArrowUp: models[place - 1],
    PageDown: models[Math.min(place + 8, models.length - 1)],
    PageUp: models[Math.max(place - 8, 0)],
    Home: models[0],
    End: models.at(-1),
  };
  return steps[key] ?? null;
}

interface FilterProps {
  value: string;
  onChange(value: string): void;
  onDown(): void;
  onEnter(): void;
}

function Filter({ value, onChange, onDown, onEnter }: FilterProps) {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    // Not for fingers: a keyboard would cover the list.
    if (matchMedia("(hover: hover)").matches) field.current?.focus();
  }, []);
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    if (composes(event.nativeEvent)) return;
    if (event.key === "ArrowDown") onDown();
    else if (event.key === "Enter") onEnter();
    else return;
    event.preventDefault();
  };
  return (
    <input
      ref={field}
      type="search"
      data-testid="model-filter"
      aria-label="Filter the models"
      placeholder="Filter models"
      value={value}
      onChange={(event) => onChange(event.target.value)}
      onKeyDown={onKeyDown}
      className="mb-1 h-9 w-full shrink-0 rounded-lg border border-line bg-raised px-2.5 text-sm placeholder:text-faint touch:h-10"
    />
  );
}

function Empty({ choice, filter, none }: { choice: ModelChoice; filter: string; none: boolean }) {
  const { models, loading } = choice;
  const onlyDemo = !loading && models.every(({ provider }) => provider === "demo");
  return (
    <>
      {models.length === 0 && <p className="px-2.5 py-3 text-sm text-soft">No models are known yet.</p>}
      {models.length > 0 && none && (
        <p role="status" className="px-2.5 py-3 text-sm text-soft">
          No model is called “{filter}”.
        </p>
      )}
      {onlyDemo && (
        <p className="mt-1 border-t border-line px-2.5 pt-2.5 pb-1.5 text-xs text-faint">
          Add a model: see Settings in the documentation.
        </p>
      )}
    </>
  );
}
