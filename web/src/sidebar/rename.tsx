/** A new title for a conversation, written in its place in the list. */

import { useEffect, useId, useRef, useState } from "react";
import { wordsOf } from "../protocol/api.ts";
import { wish } from "../state/wishes.ts";
import { composes } from "../ui/keys.ts";

export function Rename({ id, title: before, onDone }: { id: string; title: string; onDone(): void }) {
  const field = useRef<HTMLInputElement>(null);
  const [error, setError] = useState<string | null>(null);
  const settled = useRef(false);
  const words = useId();
  useEffect(() => {
    field.current?.focus();
    field.current?.select();
  }, []);
  const save = async () => {
    if (settled.current) return;
    settled.current = true;
    const title = field.current!.value.trim();
    if (!title || title === before) return onDone();
    try {
      await wish({ kind: "rename", conversation: id, title });
      onDone();
    } catch (failure) {
      settled.current = false;
      setError(wordsOf(failure));
    }
  };
  return (
    <div className="relative mx-1 flex min-w-0 grow">
      <input
        ref={field}
        aria-label="New title"
        aria-invalid={error !== null}
        aria-describedby={error ? words : undefined}
        defaultValue={before}
        maxLength={200}
        onBlur={() => void save()}
        onKeyDown={(event) => {
          if (composes(event.nativeEvent)) return;
          if (event.key === "Enter") void save();
          if (event.key === "Escape") {
            event.preventDefault();
            settled.current = true;
            onDone();
          }
        }}
        className={`h-7 min-w-0 grow rounded-md border bg-raised px-2 text-sm ${error ? "border-danger" : "border-line"}`}
      />
      {error && <Why id={words} error={error} />}
    </div>
  );
}

function Why({ id, error }: { id: string; error: string }) {
  return (
    <p
      id={id}
      role="alert"
      className="absolute inset-x-0 top-full z-10 mt-1 rounded-md border border-line bg-raised px-2 py-1 text-xs text-danger shadow-float"
    >
      {error}
    </p>
  );
}
