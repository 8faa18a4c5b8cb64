/** Access tokens for programs: made, shown once, revoked. */

import { useMutation, useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { agoWords, dayWords, whenWords } from "../protocol/times.ts";
import { queries } from "../state/services.ts";
import { Button } from "../ui/button.tsx";
import { Confirm } from "../ui/confirm.tsx";
import { CopyButton } from "../ui/copy-button.tsx";
import { NewTokenForm } from "./new-token.tsx";
import { own, type Token } from "./requests.ts";
import { SCOPES } from "./scopes.ts";
import { Read, Row, Rows, Section } from "./section.tsx";

const KEY = ["own", "tokens"];

export function Tokens() {
  const tokens = useQuery({ queryKey: KEY, queryFn: own.tokens, staleTime: 0 });
  const [made, setMade] = useState<{ name: string; token: string } | null>(null);
  const make = useMutation({
    mutationFn: own.makeToken,
    onSuccess: async (token) => {
      setMade(token);
      await queries.invalidateQueries({ queryKey: KEY });
    },
  });
  return (
    <>
      <Section
        title="New access token"
        lead="A program that has it acts in your name, as far as its scopes go: with the API, with OpenAI’s clients, with streams."
      >
        <NewTokenForm making={make} />
        <div role="status">{made && <Made key={made.token} made={made} />}</div>
      </Section>
      <Section title="Your access tokens">
        <Read query={tokens}>
          {({ items }) =>
            items.length === 0 ? (
              <p className="text-sm text-faint">There are none.</p>
            ) : (
              <Rows label="Access tokens">
                {items.map((token) => (
                  <TokenRow key={token.id} token={token} />
                ))}
              </Rows>
            )
          }
        </Read>
      </Section>
    </>
  );
}

function Made({ made: { name, token } }: { made: { name: string; token: string } }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    box.current?.scrollIntoView({ block: "nearest" });
  }, []);
  return (
    <div ref={box} className="rounded-xl border border-accent bg-raised p-4 text-sm">
      <p className="font-medium">“{name}” is made. Copy it now: it is shown this once.</p>
      <div className="mt-2 flex items-center gap-2">
        <code
          data-testid="new-token"
          className="min-w-0 grow rounded-lg bg-code px-3 py-2 font-mono text-[0.8125rem] break-all select-all"
        >
          {token}
        </code>
        <CopyButton label="Copy the token" text={() => token} testId="copy-token" />
      </div>
    </div>
  );
}

function TokenRow({ token }: { token: Token }) {
  const [revoking, setRevoking] = useState(false);
  const { name, scopes, created_at, used_at, expires_at } = token;
  const now = new Date();
  const over = expires_at !== null && expires_at * 1000 < now.getTime();
  const note = [
    scopes.map((scope) => SCOPES.find((one) => one.scope === scope)?.name ?? scope).join(", "),
    `made ${dayWords(created_at)}`,
    used_at === null ? "never used" : `last used ${agoWords(used_at, now)}`,
    expires_at === null
      ? "does not expire"
      : `${over ? "expired" : "expires"} ${over ? agoWords(expires_at, now) : whenWords(expires_at, now)}`,
  ];
  const revoke = async () => {
    await own.revokeToken(token.id);
    await queries.invalidateQueries({ queryKey: KEY });
  };
  return (
    <Row
      testId="token"
      title={name}
      note={note.join(" · ")}
      actions={
        <Button onClick={() => setRevoking(true)} aria-label={`Revoke “${name}”`}>
          Revoke
        </Button>
      }
    >
      {revoking && (
        <Confirm
          title="Revoke this access token?"
          words={`Programs that use “${name}” are refused from then on.`}
          action="Revoke"
          run={revoke}
          onDone={() => setRevoking(false)}
        />
      )}
    </Row>
  );
}
