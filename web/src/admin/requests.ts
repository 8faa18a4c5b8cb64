/** What an admin asks of the server. */

import type { Page } from "../protocol/types.ts";
import type { LimitName, Spent } from "../settings/requests.ts";
import { api } from "../state/services.ts";

export type Kind = "guest" | "registered" | "service";

export interface Person {
  id: string;
  kind: Kind;
  name: string | null;
  email: string | null;
}

export interface User extends Person {
  role: "user" | "admin";
  disabled: boolean;
  /** Unix seconds, as all times here. */
  created_at: number;
  seen_at: number | null;
  messages: number;
  /** US dollars; null where no price is known. */
  cost: number | null;
}

export interface Spender {
  user: Person;
  runs: number;
  input_tokens: number;
  output_tokens: number;
  cost: number | null;
  /** Answers without a price. */
  unpriced: number;
}

/** `off`: no limit; null: what stands behind it holds. */
export type Most = number | "off" | null;

export interface Limits extends Record<LimitName, Most> {
  /** A kind of users, or the id of one. */
  subject: string;
  /** `*`: all together. */
  model: string;
}

export interface Act {
  id: string;
  at: number;
  actor_id: string | null;
  action: string;
  target: string | null;
  address: string | null;
  details: Record<string, unknown>;
}

type Query = Record<string, string | number | null | undefined>;

function at(path: string, query: Query): string {
  const told = Object.entries(query).filter(([, value]) => value != null && value !== "");
  const search = new URLSearchParams(told.map(([name, value]) => [name, `${value}`])).toString();
  return `/api/admin/${path}${search && `?${search}`}`;
}

export const admin = {
  users: (q: string, cursor: string | null): Promise<Page<User>> =>
    api.call("GET", at("users", { q, cursor })),
  change: (id: string, fields: Partial<Pick<User, "role" | "disabled">>): Promise<User> =>
    api.call("PATCH", at(`users/${encodeURIComponent(id)}`, {}), fields),
  remove: (id: string): Promise<void> => api.call("DELETE", at(`users/${encodeURIComponent(id)}`, {})),
  usage: (days: number): Promise<Page<Spent>> => api.call("GET", at("usage", { days })),
  spenders: (days: number, cursor: string | null): Promise<Page<Spender>> =>
    api.call("GET", at("usage/users", { days, cursor })),
  limits: (): Promise<Page<Limits>> => api.call("GET", at("limits", {})),
  limit: (limits: Limits): Promise<Limits> => api.call("PUT", at("limits", {}), limits),
  unlimit: (subject: string, model: string): Promise<void> =>
    api.call("DELETE", at("limits", { subject, model })),
  audit: (query: { actor: string; action: string }, cursor: string | null): Promise<Page<Act>> =>
    api.call("GET", at("audit", { ...query, cursor })),
};
