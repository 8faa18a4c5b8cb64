/** The resources by which a conversation is shared, and those who are in it. */

import { queryOptions } from "@tanstack/react-query";
import type { Conversation, Page, Person, Role, Visibility } from "../protocol/types.ts";
import { api } from "../state/services.ts";

export type ShareRole = Exclude<Role, "owner">;

/** A link that stands; what is in it is told when it is made, and never again. */
export interface Share {
  id: string;
  role: ShareRole;
  /** Only the account that has this address may come by it. */
  email: string | null;
  created_at: number;
  expires_at: number | null;
}

export interface NewShare {
  role: ShareRole;
  email?: string;
  expires_in_days?: number;
}

export interface MadeShare extends Share {
  token: string;
  path: string;
}

export interface Participant {
  user: Person;
  role: Role;
  created_at: number;
}

/** Where a link leads. */
export interface Invitation {
  conversation: { id: string; title: string | null };
  role: ShareRole;
  owner: { name: string | null };
  /** Whether one may come by it; else it is for another address. */
  accepts: boolean;
}

export const linksOf = (id: string) => ["sharing", "links", id] as const;
export const peopleIn = (id: string) => ["sharing", "people", id] as const;

const at = (id: string) => `/api/conversations/${encodeURIComponent(id)}`;
const link = (token: string) => `/api/shares/${encodeURIComponent(token)}`;

export const sharing = {
  show: (id: string, visibility: Visibility): Promise<Conversation> =>
    api.call("PATCH", at(id), { visibility }),
  links: (id: string): Promise<Page<Share>> => api.call("GET", `${at(id)}/shares`),
  make: (id: string, wanted: NewShare): Promise<MadeShare> => api.call("POST", `${at(id)}/shares`, wanted),
  revoke: (id: string, share: string): Promise<void> =>
    api.call("DELETE", `${at(id)}/shares/${encodeURIComponent(share)}`),
  people: (id: string): Promise<Page<Participant>> => api.call("GET", `${at(id)}/participants`),
  remove: (id: string, user: string): Promise<void> =>
    api.call("DELETE", `${at(id)}/participants/${encodeURIComponent(user)}`),
  preview: (token: string): Promise<Invitation> => api.call("GET", link(token)),
  accept: (token: string): Promise<{ conversation_id: string; role: Role }> =>
    api.call("POST", `${link(token)}/accept`),
};

export function linksQuery(id: string) {
  return queryOptions({ queryKey: linksOf(id), queryFn: () => sharing.links(id), staleTime: 0 });
}

export function peopleQuery(id: string) {
  return queryOptions({ queryKey: peopleIn(id), queryFn: () => sharing.people(id) });
}
