/** The resources by which one comes in, and that say who one is. */

import type { Me, Page } from "../protocol/types.ts";
import { api } from "../state/services.ts";

export interface Ways {
  items: { name: string; title: string }[];
  /** Whether one may sign in with a password, and whether new accounts are made. */
  passwords: boolean;
  registration: boolean;
}

export interface Login {
  email: string;
  password: string;
}

export interface Registration extends Login {
  name?: string;
}

/** Why signing in by a provider failed, in words, and what helps. */
export interface Failure {
  code: string;
  title: string;
  message: string;
  /** What the provider said itself. */
  words: string | null;
  action: { label: string; href: string };
}

export interface Identity {
  provider: string;
  title: string;
  email: string | null;
  created_at: number;
}

export interface MePatch {
  name?: string;
  email?: string;
  /** With a new `email`, where there is a password. */
  password?: string;
}

const PROVIDERS = "/api/auth/providers";

export const account = {
  ways: (): Promise<Ways> => api.ask("GET", PROVIDERS),
  login: (login: Login): Promise<Me> => api.ask("POST", "/api/auth/login", login),
  register: (wanted: Registration): Promise<Me> => api.ask("POST", "/api/auth/register", wanted),
  logout: (): Promise<void> => api.ask("POST", "/api/auth/logout"),
  failure: (code: string, query: string): Promise<Failure> =>
    api.ask("GET", `/api/auth/errors/${encodeURIComponent(code)}${query}`),
  change: (fields: MePatch): Promise<Me> => api.call("PATCH", "/api/me", fields),
  setPassword: (fields: { current?: string; password: string }): Promise<void> =>
    api.call("PUT", "/api/auth/password", fields),
  leave: (password: string | null): Promise<void> =>
    api.call("DELETE", "/api/me", password === null ? {} : { password }),
  identities: (): Promise<Page<Identity>> => api.call("GET", "/api/auth/identities"),
  unlink: (provider: string): Promise<void> =>
    api.call("DELETE", `/api/auth/identities/${encodeURIComponent(provider)}`),
};

/** Where signing in by a provider begins; `link`: to the account that is signed in. */
export function providerLogin(provider: string, back: string, link = false): string {
  const query = new URLSearchParams({ return_to: back, ...(link ? { link: "1" } : {}) });
  return `/api/auth/${encodeURIComponent(provider)}/login?${query}`;
}
