/** Conversations by the day of their last activity. */

import type { Conversation } from "../protocol/types.ts";

export interface Group {
  label: string;
  items: Conversation[];
}

const DAY_MS = 86_400_000;

/** Conversations (newest first) under Today, Yesterday, Previous 7 days, Previous 30 days, then month by month. */
export function groupByDay(conversations: readonly Conversation[], now: Date): Group[] {
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime();
  const groups: Group[] = [];
  for (const conversation of conversations) {
    const label = labelOf(conversation.updated_at * 1000, midnight, now);
    const group = groups.at(-1);
    if (group?.label === label) group.items.push(conversation);
    else groups.push({ label, items: [conversation] });
  }
  return groups;
}

function labelOf(at: number, midnight: number, now: Date): string {
  if (at >= midnight) return "Today";
  // Days of 23 and 25 hours exist, so the day before is found by the calendar.
  if (at >= new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1).getTime()) return "Yesterday";
  if (at >= midnight - 7 * DAY_MS) return "Previous 7 days";
  if (at >= midnight - 30 * DAY_MS) return "Previous 30 days";
  const then = new Date(at);
  const year = then.getFullYear() === now.getFullYear() ? undefined : "numeric";
  return new Intl.DateTimeFormat("en", { month: "long", year }).format(then);
}
