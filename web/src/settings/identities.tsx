/** The providers by which one may sign in to the account: linked and unlinked. */

import { useMutation, useQuery } from "@tanstack/react-query";
import { account, type Identity, providerLogin } from "../account/requests.ts";
import { wordsOf } from "../protocol/api.ts";
import { dayWords } from "../protocol/times.ts";
import { queries } from "../state/services.ts";
import { Button } from "../ui/button.tsx";
import { Notice } from "../ui/notice.tsx";
import { Read, Row, Rows, Section } from "./section.tsx";

const KEY = ["own", "identities"];

interface Link {
  provider: string;
  title: string;
  identity: Identity | null;
}

/** All that may be linked, and what is, also by a provider that is not there any more. */
async function links(): Promise<Link[]> {
  const [ways, linked] = await Promise.all([account.ways(), account.identities()]);
  const known = linked.items.map((identity) => ({ ...identity, identity }));
  const open = ways.items.filter(({ name }) => !known.some(({ provider }) => provider === name));
  return [...known, ...open.map(({ name, title }) => ({ provider: name, title, identity: null }))];
}

export function Identities() {
  const query = useQuery({ queryKey: KEY, queryFn: links, staleTime: 0 });
  const unlink = useMutation({
    mutationFn: account.unlink,
    onSuccess: () => queries.invalidateQueries({ queryKey: KEY }),
  });
  return (
    <Section title="Linked accounts" lead="Other ways to sign in to this account.">
      <Read query={query} lines={1}>
        {(items) =>
          items.length === 0 ? (
            <p className="text-sm text-faint">This server has none.</p>
          ) : (
            <Rows label="Linked accounts">
              {items.map((link) => (
                <LinkRow
                  key={link.provider}
                  link={link}
                  busy={unlink.isPending}
                  onUnlink={() => unlink.mutate(link.provider)}
                />
              ))}
            </Rows>
          )
        }
      </Read>
      <Notice good={unlink.isError ? false : null}>{unlink.isError && wordsOf(unlink.error)}</Notice>
    </Section>
  );
}

interface LinkProps {
  link: Link;
  busy: boolean;
  onUnlink(): void;
}

function LinkRow({ link: { provider, title, identity }, busy, onUnlink }: LinkProps) {
  const as = identity?.email ? ` as ${identity.email}` : "";
  return (
    <Row
      title={title}
      note={identity ? `Linked ${dayWords(identity.created_at)}${as}` : "Not linked"}
      actions={
        identity ? (
          <Button disabled={busy} onClick={onUnlink} aria-label={`Unlink your account at ${title}`}>
            Unlink
          </Button>
        ) : (
          <a
            href={providerLogin(provider, "/settings/account", true)}
            className="inline-flex h-8 touch:h-10 items-center rounded-lg border border-line px-3 text-[0.8125rem] font-medium hover:bg-hover"
          >
            Link <span className="sr-only">your account at {title}</span>
          </a>
        )
      }
    />
  );
}
