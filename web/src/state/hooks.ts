/** How components read the lists, a conversation and an answer. */

import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useSyncExternalStore } from "react";
import type { Conversation, Model } from "../protocol/types.ts";
import { keys } from "./cache.ts";
import { inLists, roleIn } from "./ours.ts";
import { conversationQuery, listQuery, messagesQuery } from "./reads.ts";
import type { RunView } from "./runs.ts";
import { api, queries, runs } from "./services.ts";
import { keep, recall, Store, useStore } from "./store.ts";

/** Who uses the page. */
export function useMe() {
  return useQuery({ queryKey: keys.me, queryFn: () => api.me() });
}

export function useConversations(q: string) {
  return useInfiniteQuery({ ...listQuery(q), placeholderData: (before) => before });
}

export function useConversation(id: string | null) {
  return useQuery({
    ...conversationQuery(id ?? ""),
    enabled: id !== null,
    initialData: () => (id === null ? undefined : inLists(id)),
  });
}

/** `everyMs`: read again so often, where no feed tells of it. */
export function useMessages(id: string, everyMs: number | false = false) {
  return useQuery({ ...messagesQuery(id), refetchInterval: everyMs });
}

const NOTHING: RunView = {
  parts: [],
  started: false,
  finished: false,
  aborted: false,
  recovering: false,
  errorText: null,
  finishReason: null,
  metadata: {},
};

/** An answer as it grows; null: nothing is followed. Following itself is `useHeld`. */
export function useRun(id: string | null): RunView {
  const watch = useCallback((listener: () => void) => (id ? runs.of(id).watch(listener) : () => {}), [id]);
  return useSyncExternalStore(watch, () => (id ? runs.of(id).get() : NOTHING));
}

/** Follow these runs while this is mounted. */
export function useHeld(ids: readonly string[]): void {
  const joined = ids.join(" ");
  useEffect(() => {
    const holds = joined ? joined.split(" ").map((id) => runs.of(id).hold()) : [];
    return () => {
      // A moment later, so that going to another chat and back, or a new list of runs, does not ask again.
      setTimeout(() => {
        for (const release of holds) release();
      }, 1_000);
    };
  }, [joined]);
}

const remembered = new Store<string | null>(recall("model"));

export interface ModelChoice {
  models: Model[];
  /** The model that the next message goes to; null while nothing is known, and where the list has it no more. */
  model: Model | null;
  /** The id to send: also of a model that the list does not know any more. */
  id: string | null;
  loading: boolean;
  choose(id: string): void;
}

/** The conversation's model, else the one chosen last, else the server's default. */
export function useModelChoice(conversation: Conversation | null): ModelChoice {
  const list = useQuery({ queryKey: keys.models, queryFn: () => api.models(), staleTime: 60_000 });
  const last = useStore(remembered);
  const models = list.data?.items ?? [];
  const usable = (id: string | null | undefined) =>
    models.find((model) => model.id === id && model.available);
  const own = conversation?.model ?? null;
  const usual = () =>
    usable(last) ?? usable(list.data?.default) ?? models.find((item) => item.available) ?? models[0] ?? null;
  // Another one must not be named than is asked: one that is gone is known by its id alone.
  const model = own === null ? usual() : (models.find((item) => item.id === own) ?? null);
  const conversationId = conversation?.id;
  const choose = (id: string) => {
    keep("model", id);
    remembered.set(id);
    if (!conversationId) return;
    queries.setQueryData<Conversation>(
      keys.conversation(conversationId),
      (old) => old && { ...old, model: id },
    );
    if (roleIn(conversationId) !== "owner") return;
    // Also told with the next message, so a failure here loses nothing.
    api.change(conversationId, { model: id }).catch(() => {});
  };
  return { models, model, id: own ?? model?.id ?? null, loading: list.isPending, choose };
}
