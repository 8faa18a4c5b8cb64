/** What administration shows, in words, and what is written into the fields of limits. */

import type { LimitName } from "../settings/requests.ts";
import { moneyWords } from "../ui/money.ts";
import type { Act, Most, Person } from "./requests.ts";

const KINDS: Record<Person["kind"], string> = {
  guest: "Guest",
  registered: "Registered",
  service: "Program",
};

export function kindWords(kind: Person["kind"]): string {
  return KINDS[kind];
}

/** Whom the rows of limits are of, where that is no one person. */
export const SUBJECTS: Record<Person["kind"], string> = {
  guest: "Guests",
  registered: "All who are registered",
  service: "Programs",
};

export function subjectWords(subject: string): string {
  return subject in SUBJECTS ? SUBJECTS[subject as Person["kind"]] : subject;
}

export function personWords({ name, email, id }: Person): string {
  return name ?? email ?? id;
}

export const LIMIT_WORDS: Record<LimitName, string> = {
  messages: "Messages in 24 hours",
  tokens_day: "Tokens a day",
  tokens_month: "Tokens a month",
  cost_day: "US dollars a day",
  cost_month: "US dollars a month",
};

function isMoney(name: LimitName): boolean {
  return name.startsWith("cost");
}

export function mostWords(name: LimitName, most: Most): string {
  if (most === null) return "–";
  if (most === "off") return "no limit";
  return isMoney(name) ? moneyWords(most) : new Intl.NumberFormat("en").format(most);
}

/** What is wrong with what stands in the field of a limit; null where nothing is. */
export function mostFault(name: LimitName, text: string): string | null {
  const written = text.trim().toLowerCase();
  if (written === "" || written === "off") return null;
  const number = Number(written);
  const fits = Number.isFinite(number) && number >= 0 && (isMoney(name) || Number.isInteger(number));
  if (fits) return null;
  return isMoney(name) ? "Write an amount such as 2.50, or off." : "Write a whole number, or off.";
}

export function mostOf(text: string): Most {
  const written = text.trim().toLowerCase();
  if (written === "") return null;
  return written === "off" ? "off" : Number(written);
}

/** Names of acts by their code, for the filter and the log. */
export const ACTIONS: Record<string, string> = {
  "account.registered": "Account made",
  "account.changed": "Account changed",
  "account.deleted": "Account deleted",
  "session.opened": "Signed in",
  "session.failed": "Sign-in failed",
  "session.revoked": "Sessions ended",
  "password.changed": "Password set",
  "identity.linked": "Sign-in provider linked",
  "identity.unlinked": "Sign-in provider unlinked",
  "token.created": "Access token made",
  "token.revoked": "Access token revoked",
  "key.added": "Key kept",
  "key.removed": "Key removed",
  "key.tested": "Key tried",
  "key.rotated": "Keys sealed anew",
  "share.created": "Link made",
  "share.accepted": "Link accepted",
  "share.revoked": "Link revoked",
  "participant.removed": "Participant removed",
  "conversation.visibility_changed": "Visibility changed",
  "user.disabled": "User shut out",
  "user.enabled": "User let in again",
  "user.role_changed": "Role changed",
  "limits.changed": "Limits changed",
  "limits.removed": "Limits removed",
};

export function actionWords(action: string): string {
  return ACTIONS[action] ?? action;
}

/** The details of an act: "method password, count 3". */
export function detailWords({ details }: Pick<Act, "details">): string {
  return Object.entries(details)
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`)
    .join(", ");
}
