/** A user's own keys for providers: one row for each. */

import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { wordsOf } from "../protocol/api.ts";
import { agoWords, dayWords } from "../protocol/times.ts";
import { keys as caches } from "../state/cache.ts";
import { queries } from "../state/services.ts";
import { Button } from "../ui/button.tsx";
import { Confirm } from "../ui/confirm.tsx";
import { Notice } from "../ui/notice.tsx";
import { KeyForm } from "./key-form.tsx";
import { type Key, type KeyProvider, own } from "./requests.ts";
import { Read, Row, Rows, Section } from "./section.tsx";

const KEYS = ["own", "keys"];

/** A key that comes or goes changes which models there are. */
async function changed(): Promise<void> {
  await Promise.all([
    queries.invalidateQueries({ queryKey: KEYS }),
    queries.invalidateQueries({ queryKey: caches.models }),
  ]);
}

/** What is offered, with the key that is kept for it; what has one comes first. */
async function offered(): Promise<{ provider: KeyProvider; key: Key | null }[]> {
  const [providers, kept] = await Promise.all([own.keyProviders(), own.keys()]);
  const rows = providers.items.map((provider) => ({
    provider,
    key: kept.items.find((one) => one.provider === provider.provider) ?? null,
  }));
  return rows.sort((a, b) => Number(b.key !== null) - Number(a.key !== null));
}

export function Keys() {
  const rows = useQuery({ queryKey: KEYS, queryFn: offered, staleTime: 0 });
  return (
    <Section
      title="Keys"
      lead="Your own keys for the providers of models. They are kept encrypted, count before the server’s, are used for your messages alone, and are never shown again."
    >
      <Read query={rows} lines={6}>
        {(items) => (
          <Rows label="Providers">
            {items.map(({ provider, key }) => (
              <KeyRow key={provider.provider} provider={provider} kept={key} />
            ))}
          </Rows>
        )}
      </Read>
    </Section>
  );
}

function noteOf(provider: KeyProvider, kept: Key | null): string {
  if (!kept) return provider.has_server_key ? "The server’s key is used." : "No key.";
  const now = new Date();
  const used = kept.used_at === null ? "never used" : `last used ${agoWords(kept.used_at, now)}`;
  const address = kept.base_url ? [`for ${kept.base_url}`] : [];
  // Of a short key nothing is shown.
  const end = kept.last_four ? `Ends in ${kept.last_four}` : "Kept";
  return [end, `added ${dayWords(kept.created_at)}`, used, ...address].join(" · ");
}

function KeyRow({ provider, kept }: { provider: KeyProvider; kept: Key | null }) {
  const [open, setOpen] = useState(false);
  const [removing, setRemoving] = useState(false);
  const name = provider.provider_name;
  const test = useMutation({ mutationFn: () => own.testKey(provider.provider, {}) });
  const remove = async () => {
    await own.removeKey(provider.provider);
    test.reset();
    await changed();
  };
  const saved = async () => {
    setOpen(false);
    test.reset();
    await changed();
  };
  return (
    <Row
      testId={`key-${provider.provider}`}
      title={name}
      note={noteOf(provider, kept)}
      actions={
        <Actions
          name={name}
          kept={kept !== null}
          open={open}
          testing={test.isPending}
          onTest={() => test.mutate()}
          onOpen={() => setOpen(!open)}
          onRemove={() => setRemoving(true)}
        />
      }
    >
      {(test.data || test.isError) && (
        <div className="mt-2">
          <Notice good={test.data?.ok ?? false}>{test.data?.message ?? wordsOf(test.error)}</Notice>
        </div>
      )}
      {open && <KeyForm provider={provider} onSaved={saved} onCancel={() => setOpen(false)} />}
      {removing && <Removing provider={provider} remove={remove} onDone={() => setRemoving(false)} />}
    </Row>
  );
}

interface RemovingProps {
  provider: KeyProvider;
  remove(): Promise<void>;
  onDone(): void;
}

function Removing({ provider, remove, onDone }: RemovingProps) {
  return (
    <Confirm
      title={`Remove your key for ${provider.provider_name}?`}
      words={
        provider.has_server_key
          ? "From then on the server’s key is used."
          : "Its models cannot be used without one."
      }
      action="Remove"
      run={remove}
      onDone={onDone}
    />
  );
}

interface ActionsProps {
  name: string;
  kept: boolean;
  open: boolean;
  testing: boolean;
  onTest(): void;
  onOpen(): void;
  onRemove(): void;
}

function Actions({ name, kept, open, testing, onTest, onOpen, onRemove }: ActionsProps) {
  return (
    <>
      {kept && (
        <Button
          disabled={testing}
          onClick={onTest}
          aria-label={`${testing ? "Testing…" : "Test"} the key for ${name}`}
        >
          {testing ? "Testing…" : "Test"}
        </Button>
      )}
      <Button
        aria-expanded={open}
        onClick={onOpen}
        aria-label={`${kept ? "Replace the" : "Add a"} key for ${name}`}
      >
        {kept ? "Replace" : "Add a key"}
      </Button>
      {kept && (
        <Button onClick={onRemove} aria-label={`Remove the key for ${name}`}>
          Remove
        </Button>
      )}
    </>
  );
}
