/** What a model thought before it answered: folded, and for how long. */

import { useEffect, useId, useState } from "react";
import { ChevronRight, Thought } from "../ui/icons.tsx";
import { AnswerText } from "./text.tsx";

/** When a part was first seen to grow, and how long it took: rows come and go as one scrolls. */
const seen = new Map<string, { from: number; seconds: number | null }>();

function useSeconds(name: string, streaming: boolean): number | null {
  const [, tick] = useState(0);
  useEffect(() => {
    const known = seen.get(name);
    if (streaming) {
      if (!known) seen.set(name, { from: performance.now(), seconds: null });
      const timer = setInterval(() => tick((count) => count + 1), 1_000);
      return () => clearInterval(timer);
    }
    if (known && known.seconds === null) {
      known.seconds = (performance.now() - known.from) / 1000;
      tick((count) => count + 1);
    }
  }, [name, streaming]);
  const known = seen.get(name);
  if (!known) return null;
  return known.seconds ?? (performance.now() - known.from) / 1000;
}

function inWords(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 1) return "a moment";
  if (whole < 60) return `${whole} second${whole === 1 ? "" : "s"}`;
  const minutes = Math.floor(whole / 60);
  return `${minutes} min ${whole % 60} s`;
}

interface Props {
  /** Names this part among all of the page. */
  name: string;
  text: string;
  streaming: boolean;
}

export function Reasoning({ name, text, streaming }: Props) {
  const [open, setOpen] = useState(false);
  const seconds = useSeconds(name, streaming);
  const body = useId();
  const long = seconds !== null && seconds >= 1;
  const label = streaming
    ? `Thinking${long ? ` for ${inWords(seconds)}` : ""}…`
    : seconds === null
      ? "Thought it through"
      : `Thought for ${inWords(seconds)}`;
  return (
    <div data-testid="reasoning" data-state={streaming ? "streaming" : "done"} className="my-1.5">
      <button
        type="button"
        aria-expanded={open}
        aria-controls={body}
        onClick={() => setOpen(!open)}
        className="-ml-2 flex h-8 items-center gap-2 rounded-lg px-2 text-sm text-faint transition-colors hover:bg-hover hover:text-ink"
      >
        <Thought className={`size-4 ${streaming ? "animate-pulse text-accent" : ""}`} />
        <span className={streaming ? "text-shine" : ""}>{label}</span>
        <ChevronRight className={`size-3.5 transition-transform ${open ? "rotate-90" : ""}`} />
      </button>
      <div
        id={body}
        hidden={!open}
        className="mt-1 ml-1 border-l border-thread pl-4 text-[0.9375rem] text-soft"
      >
        {open && <AnswerText text={text || "…"} streaming={streaming} />}
      </div>
    </div>
  );
}
