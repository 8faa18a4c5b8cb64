/** One conversation, or the beginning of one: header, thread, composer. */

import { Suspense, useEffect, useMemo } from "react";
import { Link, useLocation } from "wouter";
import { usePathname } from "wouter/use-browser-location";
import { doorTo } from "./address.ts";
import { Composer } from "./composer/composer.tsx";
import { ModelPicker } from "./composer/model-picker.tsx";
import { SettingsButton } from "./composer/settings-button.tsx";
import { wordsOf } from "./protocol/api.ts";
import { ApiError } from "./protocol/errors.ts";
import type { Conversation, Message } from "./protocol/types.ts";
import { CompanyContext, useCompanyOf, useOutside } from "./sharing/company.ts";
import { ShareButton } from "./sharing/share-button.tsx";
import { beginChoices, NEW } from "./state/choices.ts";
import { forget, shut } from "./state/hear.ts";
import {
  type ModelChoice,
  useConversation,
  useHeld,
  useMe,
  useMessages,
  useModelChoice,
} from "./state/hooks.ts";
import { outbox } from "./state/outbox.ts";
import { useStore } from "./state/store.ts";
import { newestLeaf, treeOf } from "./state/tree.ts";
import { beginConversation, send, stop } from "./state/turns.ts";
import { useWishedTitle, wishes } from "./state/wishes.ts";
import { Announcer } from "./thread/announcer.tsx";
import { Skeleton } from "./thread/answer.tsx";
import { activeAnswer, followedRuns, type Row, rowsOf } from "./thread/rows.ts";
import { loadMarkdown } from "./thread/text.tsx";
import { Thread } from "./thread/thread.tsx";
import { arriving } from "./ui/arriving.tsx";
import { Button, IconButton } from "./ui/button.tsx";
import { Menu, NewChat } from "./ui/icons.tsx";
import { composes } from "./ui/keys.ts";
import { Reconnecting } from "./ui/reconnecting.tsx";
import { Greeting, Suggestions } from "./welcome.tsx";

const ReadAlong = arriving(() => import("./sharing/read-along.tsx"));

const CLOSED = "You cannot read this conversation any more. Its owner has ended that, or deleted it.";

interface Props {
  id: string | null;
  unknownPath: boolean;
  /** Shows the conversations where they are hidden; null where they are not. */
  onMenu: (() => void) | null;
}

export function Chat({ id, unknownPath, onMenu }: Props) {
  const closed = useStore(shut).has(id ?? "");
  const conversation = useConversation(closed ? null : id);
  const choice = useModelChoice(conversation.data ?? null);
  const wished = useWishedTitle(id);
  const title = id ? (wished ?? conversation.data?.title) : null;
  useEffect(() => {
    document.title = title ? `${title} · Threadline` : "Threadline";
  }, [title]);
  useEffect(() => {
    if (id) loadMarkdown();
    else if ("requestIdleCallback" in window) requestIdleCallback(loadMarkdown);
    else setTimeout(loadMarkdown, 500);
  }, [id]);
  return (
    <main className="flex min-w-0 grow flex-col">
      <header className="relative flex h-14 shrink-0 items-center gap-1 px-2.5">
        {onMenu && (
          <IconButton label="Show conversations" onClick={onMenu}>
            <Menu className="size-5" />
          </IconButton>
        )}
        {!closed && conversation.data?.role !== "observer" && <ModelPicker choice={choice} />}
        <h1 className="mx-2 min-w-0 grow truncate text-center text-sm text-faint sm:mr-36">{title ?? ""}</h1>
        {id && conversation.data?.role && <ShareButton key={id} conversation={conversation.data} />}
        <Reconnecting />
        {onMenu && (
          <Link
            href="/"
            aria-label="New chat"
            title="New chat"
            className="grid size-9 place-items-center rounded-lg text-faint hover:bg-hover hover:text-ink sm:hidden"
          >
            <NewChat className="size-[1.15rem]" />
          </Link>
        )}
      </header>
      {unknownPath ? (
        <Nowhere words="There is nothing here." />
      ) : closed ? (
        <Nowhere another words={CLOSED} />
      ) : id ? (
        <Open key={id} id={id} conversation={conversation} choice={choice} />
      ) : (
        <Fresh choice={choice} />
      )}
    </main>
  );
}

/** Why the model that is chosen cannot answer; null where it can. */
function blockedBy({ model, loading }: ModelChoice): string | null {
  if (loading) return null;
  if (!model) return "No model is available yet";
  return model.available ? null : (model.reason ?? `${model.name} is not available`);
}

function Fresh({ choice }: { choice: ModelChoice }) {
  const [, navigate] = useLocation();
  useFocusedComposer("new");
  const blocked = blockedBy(choice);
  const begin = (text: string) => {
    const id = beginConversation(choice.id);
    beginChoices(id);
    send({ conversation: id, text, model: choice.id, under: null });
    navigate(`/chat/${id}`);
  };
  return (
    <div className="gutter flex min-h-0 grow flex-col overflow-y-auto pb-6">
      <Greeting />
      <Composer draft="new" blocked={blocked} busy={false} stopping={false} onSend={begin} onStop={null}>
        <SettingsButton place={NEW} conversation={null} model={choice.model} />
      </Composer>
      <Suggestions blocked={blocked} onPick={begin} />
    </div>
  );
}

/** So often who is not told of a conversation looks what is new. */
const LOOK_MS = 4_000;

interface OpenProps {
  id: string;
  conversation: ReturnType<typeof useConversation>;
  choice: ModelChoice;
}

/** A conversation's messages, and who is in it; one of another that may not be read any more is shut. */
function useOpened(id: string, conversation: Conversation | null) {
  const messages = useMessages(id, useOutside(conversation) && LOOK_MS);
  const company = useCompanyOf(conversation, messages.data?.items);
  const lost = company.role !== "owner" && messages.data !== undefined && isMissing(messages.error);
  useEffect(() => {
    if (lost) forget(id);
  }, [lost, id]);
  return { messages, company };
}

function Open({ id, conversation, choice }: OpenProps) {
  const known = conversation.data ?? null;
  const { messages, company } = useOpened(id, known);
  const reads = company.role === "observer";
  const waiting = useStore(outbox);
  const pending = useMemo(() => waiting.filter((item) => item.conversation === id), [waiting, id]);
  const rows = useMemo(() => (messages.data ? rowsOf(messages.data, pending) : []), [messages.data, pending]);
  useHeld(followedRuns(rows));
  useFocusedComposer(id);
  const active = activeAnswer(rows);
  const stopping = useStop(id, reads ? null : active);

  const say = (text: string) => {
    const { under, parentId } = placeOf(rows, messages.data?.leaf_id ?? null, messages.data?.items ?? []);
    // Behind one that is on its way, the end is where that one comes to stand.
    const next = pending.some((item) => item.state === "sending");
    send({ conversation: id, text, model: choice.id, under, parentId: next ? null : parentId });
  };

  if (!messages.data && (isMissing(conversation.error) || isMissing(messages.error))) {
    return <Nowhere words="This conversation does not exist, or is not yours." />;
  }
  return (
    <CompanyContext value={company}>
      <Body id={id} query={messages} rows={rows} model={choice.id} busy={active !== null} />
      <Announcer answer={active} rows={rows} />
      <div className="gutter pb-3">
        {reads ? (
          <Suspense>
            <ReadAlong owner={known?.owner ?? null} />
          </Suspense>
        ) : (
          <Composer
            draft={id}
            blocked={blockedBy(choice)}
            busy={active !== null}
            stopping={stopping.asked}
            onSend={say}
            onStop={active ? stopping.ask : null}
          >
            <SettingsButton place={id} conversation={known} model={choice.model} />
          </Composer>
        )}
      </div>
    </CompanyContext>
  );
}

interface BodyProps {
  id: string;
  query: ReturnType<typeof useMessages>;
  rows: readonly Row[];
  model: string | null;
  busy: boolean;
}

function Body({ id, query, rows, model, busy }: BodyProps) {
  if (query.data && rows.length > 0)
    return <Thread conversation={id} rows={rows} model={model} busy={busy} />;
  if (query.data) {
    return (
      <div className="flex min-h-0 grow flex-col justify-center">
        <Greeting />
        <div className="grow" />
      </div>
    );
  }
  return query.error ? <Failed error={query.error} onRetry={() => void query.refetch()} /> : <Opening />;
}

/** Below what a new message stands, and whether the server has to be told: its own end may be on another branch. */
function placeOf(rows: readonly Row[], leaf: string | null, items: Message[]) {
  const shown = rows.findLast((row) => row.kind === "message");
  if (shown?.kind !== "message") return { under: null, parentId: null };
  const { id } = shown.node.message;
  const tree = treeOf(items);
  const end = leaf !== null && tree.byId.has(leaf) ? newestLeaf(tree, leaf) : id;
  return { under: id, parentId: id === end ? null : id };
}

/** Stop what is being written, by the button or by Escape; the button waits until it has stopped. */
function useStop(conversation: string, active: Message | null) {
  const run = active?.run_id ?? null;
  const asked = `stop:${run}` in useStore(wishes);
  const ask = () => {
    if (run !== null && !asked) stop(conversation, run);
  };
  useEffect(() => {
    if (run === null) return;
    const onKey = (event: KeyboardEvent) => {
      const elsewhere =
        document.querySelector('[role="menu"], [role="dialog"], [role="alertdialog"]') !== null;
      if (event.key === "Escape" && !composes(event) && !event.defaultPrevented && !elsewhere) ask();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  });
  return { asked, ask };
}

/** Where there is a keyboard, one may write at once. */
function useFocusedComposer(place: string): void {
  // biome-ignore lint/correctness/useExhaustiveDependencies: again at each new place
  useEffect(() => {
    if (matchMedia("(hover: hover) and (pointer: fine)").matches)
      document.getElementById("composer")?.focus();
  }, [place]);
}

function isMissing(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}

function Opening() {
  return (
    <div className="gutter min-h-0 grow pt-6">
      <div className="column pl-8">
        <Skeleton />
      </div>
    </div>
  );
}

function Failed({ error, onRetry }: { error: Error; onRetry(): void }) {
  return (
    <div
      role="alert"
      className="grid min-h-0 grow place-content-center justify-items-center gap-4 p-6 text-center"
    >
      <p className="max-w-md text-soft">{wordsOf(error)}</p>
      <Button onClick={onRetry}>Try again</Button>
    </div>
  );
}

/** `another`: it was somebody else's, and is taken away while it is shown. */
function Nowhere({ words, another = false }: { words: string; another?: boolean }) {
  const { data: me } = useMe();
  const path = usePathname();
  return (
    <div className="grid min-h-0 grow place-content-center justify-items-center gap-5 p-6 text-center">
      <p role={another ? "alert" : undefined} className="text-lg text-soft">
        {words}
      </p>
      <Link
        href="/"
        className="rounded-lg bg-accent px-4 py-2 text-sm font-medium text-accent-ink hover:opacity-90"
      >
        Start a new chat
      </Link>
      {me?.kind === "guest" && !another && (
        <Link href={doorTo("/login", path)} className="rounded text-sm text-accent hover:underline">
          Sign in, if it is yours
        </Link>
      )}
    </div>
  );
}
