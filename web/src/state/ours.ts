/** What a conversation is to the one who uses this page, as far as the page knows it. */

import type { Conversation, Role } from "../protocol/types.ts";
import { keys, type Lists } from "./cache.ts";
import { queries } from "./services.ts";

/** A conversation as a list that was read shows it. */
export function inLists(id: string): Conversation | undefined {
  for (const [, lists] of queries.getQueriesData<Lists>({ queryKey: keys.lists })) {
    const found = lists?.pages.flatMap((page) => page.items).find((item) => item.id === id);
    if (found) return found;
  }
  return undefined;
}

export function known(id: string): Conversation | undefined {
  return queries.getQueryData<Conversation>(keys.conversation(id)) ?? inLists(id);
}

/** What one may do in it; what nobody else is known to own is one's own. */
export function roleIn(id: string): Role {
  return known(id)?.role ?? "owner";
}
