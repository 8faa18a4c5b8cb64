/** A tool call as it happens: its arguments while they form, and what came back. */

import { useId, useState } from "react";
import { type ToolPart, toolName } from "../protocol/events.ts";
import { Check, ChevronRight, Tool, Warning } from "../ui/icons.tsx";

const WORDS: Record<ToolPart["state"], string> = {
  "input-streaming": "Preparing",
  "input-available": "Running",
  "approval-requested": "Waiting for a yes",
  "approval-responded": "Approved or denied",
  "output-available": "Done",
  "output-error": "Failed",
  "output-denied": "Denied",
};

/** `getWeather` and `get_weather` as people write them: Get weather. */
export function spoken(name: string): string {
  const words = name
    .replace(/([a-z\d])([A-Z])/g, "$1 $2")
    .replace(/[_-]+/g, " ")
    .trim()
    .toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function ToolCall({ part, live, past }: { part: ToolPart; live: boolean; past: boolean }) {
  // Open while one watches it happen, folded once the answer went on, unless the reader chose.
  const [chosen, setOpen] = useState<boolean | null>(null);
  const open = chosen ?? (live && !past);
  const body = useId();
  const pending = part.state === "input-streaming" || part.state === "input-available";
  const failed = part.state === "output-error" || part.state === "output-denied";
  const state = pending && !live ? "Not finished" : WORDS[part.state];
  return (
    <div
      data-testid="tool-call"
      data-tool={toolName(part)}
      data-state={part.state}
      className="my-3 overflow-hidden rounded-xl border border-line bg-raised text-sm"
    >
      <button
        type="button"
        aria-expanded={open}
        aria-controls={body}
        onClick={() => setOpen(!open)}
        className="flex h-10 w-full items-center gap-2.5 px-3.5 text-left transition-colors hover:bg-hover focus-visible:outline-offset-[-2px]"
      >
        <Tool className="size-4 shrink-0 text-faint" />
        <span className="font-medium">{spoken(toolName(part))}</span>
        <span className="min-w-0 grow truncate text-faint">{open ? "" : summary(part.input)}</span>
        <span className={`flex items-center gap-1.5 text-xs ${failed ? "text-danger" : "text-faint"}`}>
          {pending && live && <span className="spinner text-accent" aria-hidden="true" />}
          {part.state === "output-available" && <Check className="size-3.5 text-accent" />}
          {failed && <Warning className="size-3.5" />}
          {state}
        </span>
        <ChevronRight
          className={`size-3.5 shrink-0 text-faint transition-transform ${open ? "rotate-90" : ""}`}
        />
      </button>
      <div id={body} hidden={!open} className="border-t border-line px-3.5 py-2.5">
        {open && <Details part={part} />}
      </div>
    </div>
  );
}

function Details({ part }: { part: ToolPart }) {
  const has = part.input !== null && part.input !== undefined && !isEmpty(part.input);
  return (
    <div className="space-y-2.5">
      {has ? (
        <Value label="Arguments" value={part.input} />
      ) : (
        <p className="text-faint">{part.state === "input-streaming" ? "…" : "No arguments"}</p>
      )}
      {part.state === "output-available" && <Value label="Result" value={part.output} />}
      {part.errorText && (
        <p className="text-danger">
          <span className="sr-only">Error: </span>
          {part.errorText}
        </p>
      )}
    </div>
  );
}

function Value({ label, value }: { label: string; value: unknown }) {
  return (
    <div>
      <p className="mb-1 text-xs text-faint">{label}</p>
      {isFlat(value) ? (
        <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-0.5">
          {Object.entries(value).map(([name, item]) => (
            <div key={name} className="contents">
              <dt className="text-faint">{name}</dt>
              <dd className="min-w-0 break-words whitespace-pre-wrap">{shown(item)}</dd>
            </div>
          ))}
        </dl>
      ) : (
        <pre
          tabIndex={0}
          role="group"
          aria-label={label}
          className="max-h-60 overflow-auto font-mono text-xs leading-relaxed whitespace-pre-wrap"
        >
          {typeof value === "string" ? value : JSON.stringify(value, null, 2)}
        </pre>
      )}
    </div>
  );
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

/** An object whose values are simple, which reads best as a list of names and values. */
function isFlat(value: unknown): value is Record<string, string | number | boolean | null> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((item) => item === null || typeof item !== "object");
}

function shown(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function summary(input: unknown): string {
  if (isFlat(input)) return Object.values(input).map(shown).join(", ");
  return input === null || input === undefined ? "" : shown(input);
}
