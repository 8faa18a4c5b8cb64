/** The resources that are a user's own: where one is signed in, tokens, keys, and what was used. */

import type { Page } from "../protocol/types.ts";
import { api } from "../state/services.ts";

export interface Session {
  id: string;
  /** What the browser calls itself. */
  agent: string | null;
  /** From where it was opened. */
  address: string | null;
  /** Unix seconds, as all times here. */
  created_at: number;
  seen_at: number;
  expires_at: number;
  /** This is the one that asks. */
  current: boolean;
}

export interface Token {
  id: string;
  name: string;
  scopes: string[];
  created_at: number;
  used_at: number | null;
  expires_at: number | null;
}

export interface NewToken {
  name: string;
  scopes: string[];
  expires_in_days?: number;
}

export interface Key {
  provider: string;
  provider_name: string;
  last_four: string;
  base_url: string | null;
  created_at: number;
  used_at: number | null;
}

export interface KeyProvider {
  provider: string;
  provider_name: string;
  has_server_key: boolean;
  base_url_allowed: boolean;
}

export interface KeyFields {
  key: string;
  base_url?: string;
}

export interface Tested {
  ok: boolean;
  message: string;
}

/** What one model took on one day, by whose key. */
export interface Spent {
  /** As in 2026-11-20, in UTC. */
  day: string;
  model: string;
  key_owner: "user" | "server";
  runs: number;
  input_tokens: number;
  output_tokens: number;
  cached_tokens: number;
  reasoning_tokens: number;
  /** US dollars; null where no price is known. */
  cost: number | null;
}

export interface Limit {
  used: number;
  limit: number | null;
  resets_at: number | null;
}

export const LIMITS = ["messages", "tokens_day", "tokens_month", "cost_day", "cost_month"] as const;
export type LimitName = (typeof LIMITS)[number];

export interface Usage {
  items: Spent[];
  limits: Record<LimitName, Limit>;
}

const part = encodeURIComponent;

export const own = {
  sessions: (): Promise<Page<Session>> => api.call("GET", "/api/auth/sessions"),
  endSession: (id: string): Promise<void> => api.call("DELETE", `/api/auth/sessions/${part(id)}`),
  endOthers: (): Promise<void> => api.call("DELETE", "/api/auth/sessions"),
  tokens: (): Promise<Page<Token>> => api.call("GET", "/api/tokens"),
  makeToken: (wanted: NewToken): Promise<Token & { token: string }> =>
    api.call("POST", "/api/tokens", wanted),
  revokeToken: (id: string): Promise<void> => api.call("DELETE", `/api/tokens/${part(id)}`),
  keys: (): Promise<Page<Key>> => api.call("GET", "/api/keys"),
  keyProviders: (): Promise<Page<KeyProvider>> => api.call("GET", "/api/keys/providers"),
  setKey: (provider: string, fields: KeyFields): Promise<Key> =>
    api.call("PUT", `/api/keys/${part(provider)}`, fields),
  removeKey: (provider: string): Promise<void> => api.call("DELETE", `/api/keys/${part(provider)}`),
  /** Without `fields`, the key that is stored. */
  testKey: (provider: string, fields: Partial<KeyFields>): Promise<Tested> =>
    api.call("POST", `/api/keys/${part(provider)}/test`, fields),
  usage: (days: number): Promise<Usage> => api.call("GET", `/api/usage?days=${days}`),
};
