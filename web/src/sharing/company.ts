/** Who is in the conversation that is shown: what one may do there, and who said what. */

import { useQuery } from "@tanstack/react-query";
import { createContext, useContext, useEffect, useMemo } from "react";
import type { Conversation, Message, Person, Role } from "../protocol/types.ts";
import { useMe } from "../state/hooks.ts";
import { queries } from "../state/services.ts";
import { peopleIn, peopleQuery } from "./requests.ts";

export interface Company {
  role: Role;
  /** Others are known to take part, or it is another's. */
  shared: boolean;
  /** Who said it; null: one did oneself. */
  nameOf(message: Message): string | null;
}

const ALONE: Company = { role: "owner", shared: false, nameOf: () => null };

export const CompanyContext = createContext(ALONE);

export const useCompany = () => useContext(CompanyContext);

export const NAMELESS = "A guest";

/** The name of who said a message, for `me`; null for one's own. `owner` is null where that is `me`. */
export function authorOf(
  authorId: string | null | undefined,
  me: string | undefined,
  owner: Person | null,
  people: readonly Person[],
): string | null {
  const author = authorId ?? owner?.id ?? me;
  if (author === me) return null;
  const found = [...(owner ? [owner] : []), ...people].find(({ id }) => id === author);
  return found ? (found.name ?? NAMELESS) : "Somebody who has left";
}

const NOBODY: Message[] = [];

export function useCompanyOf(conversation: Conversation | null, items: Message[] = NOBODY): Company {
  const { data: me } = useMe();
  const id = conversation?.id ?? "";
  const role = conversation?.role ?? "owner";
  const owner = conversation?.owner ?? null;
  const authors = useMemo(() => new Set(items.flatMap(({ author_id }) => author_id ?? [])), [items]);
  const shared = role !== "owner" || authors.size > 0;
  const { data } = useQuery({ ...peopleQuery(id), enabled: conversation !== null && shared });
  const people = useMemo(() => data?.items.map(({ user }) => user), [data]);
  const strangers = people ? [...authors].filter((one) => !people.some((known) => known.id === one)) : [];
  const unknown = strangers.sort().join(" ");
  // Nothing tells who comes in, until he says something.
  useEffect(() => {
    if (unknown) void queries.invalidateQueries({ queryKey: peopleIn(id) });
  }, [unknown, id]);
  return useMemo(
    () => ({ role, shared, nameOf: ({ author_id }) => authorOf(author_id, me?.id, owner, people ?? []) }),
    [role, shared, me?.id, owner, people],
  );
}

/** Whether one reads a public conversation without being in it: then no feed tells of what happens there. */
export function useOutside(conversation: Conversation | null): boolean {
  const { data: me } = useMe();
  const reads = conversation?.role === "observer";
  const people = useQuery({ ...peopleQuery(conversation?.id ?? ""), enabled: reads });
  return reads && people.data !== undefined && !people.data.items.some(({ user }) => user.id === me?.id);
}
