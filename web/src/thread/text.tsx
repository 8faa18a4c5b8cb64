/** Text of an answer: markdown once its reader is loaded, plain until then. */

import { type ComponentType, useEffect } from "react";
import { Store, useStore } from "../state/store.ts";

type Renderer = ComponentType<{ text: string; streaming: boolean }>;

const renderer = new Store<{ Markdown: Renderer } | null>(null);
let loading: Promise<void> | null = null;

/** Fetch the markdown reader, once; a failed fetch is tried again with the next text. */
export function loadMarkdown(): void {
  if (loading) return;
  loading = import("../markdown/markdown.tsx").then(
    (module) => renderer.set({ Markdown: module.default }),
    () => {
      loading = null;
    },
  );
}

interface Props {
  text: string;
  streaming: boolean;
  testId?: string;
}

export function AnswerText({ text, streaming, testId }: Props) {
  const loaded = useStore(renderer);
  useEffect(loadMarkdown, []);
  return (
    <div data-testid={testId} className={`prose ${streaming ? "is-streaming" : ""}`}>
      {loaded ? (
        <loaded.Markdown text={text} streaming={streaming} />
      ) : (
        <div className="whitespace-pre-wrap">{text}</div>
      )}
    </div>
  );
}
