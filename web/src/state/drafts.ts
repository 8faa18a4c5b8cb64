/** What is written and not sent, one per conversation: it survives a reload, and takes back what was sent too early. */

import { useCallback, useSyncExternalStore } from "react";
import { keep, recall, Store } from "./store.ts";

const drafts = new Store<Readonly<Record<string, string>>>({});

function draftOf(id: string): string {
  return drafts.get()[id] ?? recall(`draft:${id}`) ?? "";
}

export function setDraft(id: string, text: string): void {
  keep(`draft:${id}`, text === "" ? null : text);
  drafts.set({ ...drafts.get(), [id]: text });
}

/** Give a text back to be written on, before what is being written. */
export function takeBack(id: string, text: string): void {
  const now = draftOf(id);
  setDraft(id, now.trim() === "" ? text : `${text}\n\n${now}`);
}

export function useDraft(id: string): [string, (text: string) => void] {
  const text = useSyncExternalStore(drafts.watch, () => draftOf(id));
  const set = useCallback((next: string) => setDraft(id, next), [id]);
  return [text, set];
}
