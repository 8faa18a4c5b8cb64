/** How answers are to be written: what was chosen for the next message alone, and for a chat that has not begun. */

import type { AnswerSettings, Conversation } from "../protocol/types.ts";
import { keys } from "./cache.ts";
import { queries } from "./services.ts";
import { Store, useStore } from "./store.ts";
import { wish } from "./wishes.ts";

/** The place of a chat that has not begun. */
export const NEW = "new";

/** By the place where it is written: a conversation's id, or `new`. */
type ByPlace = Readonly<Record<string, AnswerSettings>>;

/** For the next message alone. */
const next = new Store<ByPlace>({});
/** For all of a chat that has not begun, or has and is not told of it yet. */
const defaults = new Store<ByPlace>({});

function change(store: Store<ByPlace>, place: string, settings: AnswerSettings | null): void {
  const { [place]: _, ...rest } = store.get();
  store.set(settings === null ? rest : { ...rest, [place]: settings });
}

/** What holds for all messages of a conversation, and what of it the next one has otherwise. */
export function useChoices(place: string, conversation: Conversation | null) {
  const own = useStore(defaults)[place];
  const once = useStore(next)[place];
  return { defaults: own ?? conversation?.settings ?? NOTHING, once: once ?? NOTHING };
}

const NOTHING: AnswerSettings = {};

/** Let the next message alone, or an answer that is written anew before it, be answered so. */
export function chooseOnce(place: string, settings: AnswerSettings): void {
  change(next, place, Object.keys(settings).length > 0 ? settings : null);
}

/** Let all messages of a conversation be answered so. Rejects where the server refuses. */
export async function chooseAlways(place: string, settings: AnswerSettings): Promise<void> {
  change(next, place, null);
  if (place === NEW) {
    change(defaults, NEW, Object.keys(settings).length > 0 ? settings : null);
    return;
  }
  showSettings(place, settings);
  try {
    await wish({ kind: "settings", conversation: place, settings });
  } catch (error) {
    void queries.invalidateQueries({ queryKey: keys.conversation(place) });
    throw error;
  }
}

function showSettings(id: string, settings: AnswerSettings): void {
  queries.setQueryData<Conversation>(keys.conversation(id), (old) => old && { ...old, settings });
}

/** What was chosen for a new chat is this conversation's from now on. */
export function beginChoices(conversation: string): void {
  for (const store of [next, defaults]) {
    const chosen = store.get()[NEW];
    change(store, NEW, null);
    if (chosen) change(store, conversation, chosen);
  }
}

/** What goes with a message, and is chosen for the next one no more. */
export function takeChoices(place: string): { settings?: AnswerSettings; defaults?: AnswerSettings } {
  const always = defaults.get()[place];
  const once = next.get()[place];
  change(defaults, place, null);
  change(next, place, null);
  if (always) showSettings(place, always);
  const settings = { ...always, ...once };
  return {
    ...(Object.keys(settings).length > 0 ? { settings } : {}),
    ...(always ? { defaults: always } : {}),
  };
}
