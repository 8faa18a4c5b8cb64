/** Tells those who listen to the page how the answer stands; its text is theirs to read when they like. */

import { useEffect, useRef, useState } from "react";
import type { Message, MessageStatus } from "../protocol/types.ts";
import type { Row } from "./rows.ts";

const ENDS: Partial<Record<MessageStatus, string>> = {
  completed: "The answer is complete.",
  stopped: "The answer was stopped.",
  error: "The answer failed.",
  interrupted: "The answer was interrupted.",
};

export function Announcer({ answer, rows }: { answer: Message | null; rows: readonly Row[] }) {
  const [words, setWords] = useState("");
  const before = useRef<string | null>(null);
  const id = answer?.id ?? null;
  useEffect(() => {
    if (id === before.current) return;
    const ended = rows.find((row) => row.kind === "message" && row.node.message.id === before.current);
    if (id !== null) setWords("The answer is being written.");
    else if (ended?.kind === "message") setWords(ENDS[ended.node.message.status] ?? "");
    before.current = id;
  }, [id, rows]);
  return (
    <div aria-live="polite" className="sr-only">
      {words}
    </div>
  );
}
