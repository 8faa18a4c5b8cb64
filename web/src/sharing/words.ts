/** How sharing is called on this page. */

import { whenWords } from "../protocol/times.ts";
import type { Conversation, Role, Visibility } from "../protocol/types.ts";
import type { Share } from "./requests.ts";

export const ROLES: Record<Role, string> = {
  owner: "Owner",
  participant: "Takes part",
  observer: "Reads along",
};

export const VISIBILITIES: { visibility: Visibility; name: string; words: string }[] = [
  { visibility: "private", name: "Private", words: "You, and whom you invite by an e-mail address." },
  { visibility: "link", name: "By link", words: "Whoever has one of the links below." },
  { visibility: "public", name: "Public", words: "Whoever knows the address may read along." },
];

export const LIFETIMES = [
  { days: null, name: "Until it is revoked" },
  { days: 1, name: "1 day" },
  { days: 7, name: "7 days" },
  { days: 30, name: "30 days" },
  { days: 90, name: "90 days" },
] as const;

/** With whom a conversation is shared, in a few words; null: one has it for oneself, as far as this tells. */
export function sharedWords({ role = "owner", owner, visibility = "private" }: Conversation): string | null {
  if (role !== "owner") return owner?.name ? `Shared by ${owner.name}` : "Shared by somebody else";
  if (visibility === "private") return null;
  return visibility === "public" ? "Public: whoever knows its address may read it" : "Shared by link";
}

/** What a link is good for, and until when. */
export function linkNote({ expires_at, email }: Share, now: Date): string {
  const ends = expires_at === null ? "stands until it is revoked" : `ends ${whenWords(expires_at, now)}`;
  return `${email === null ? "For whoever has it" : "For this account alone"}, ${ends}`;
}
