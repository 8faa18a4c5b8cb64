/** Where one is signed in, and how to end that. */

import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { wordsOf } from "../protocol/api.ts";
import { agoWords } from "../protocol/times.ts";
import { queries } from "../state/services.ts";
import { Button } from "../ui/button.tsx";
import { Notice } from "../ui/notice.tsx";
import { deviceOf } from "./device.ts";
import { own, type Session } from "./requests.ts";
import { Read, Row, Rows, Section } from "./section.tsx";

const KEY = ["own", "sessions"];

export function Sessions() {
  const sessions = useQuery({ queryKey: KEY, queryFn: own.sessions, staleTime: 0 });
  const [ended, setEnded] = useState<string | null>(null);
  const end = useMutation({
    mutationFn: (session: Session | null) => (session ? own.endSession(session.id) : own.endOthers()),
    onSuccess: async (_, session) => {
      setEnded(session ? `${deviceOf(session.agent)} is signed out.` : "All others are signed out.");
      await queries.invalidateQueries({ queryKey: KEY });
    },
  });
  return (
    <Section
      title="Sessions"
      lead="Everywhere you are signed in. End what you do not know, and then change your password."
    >
      <Read query={sessions}>
        {({ items }) => (
          <>
            <Rows label="Sessions">
              {items.map((session) => (
                <SessionRow
                  key={session.id}
                  session={session}
                  busy={end.isPending}
                  onEnd={() => end.mutate(session)}
                />
              ))}
            </Rows>
            <div className="mt-4">
              <Button disabled={items.length < 2 || end.isPending} onClick={() => end.mutate(null)}>
                End all others
              </Button>
            </div>
            <div className="mt-2">
              <Notice good={end.isError ? false : ended ? true : null}>
                {end.isError ? wordsOf(end.error) : ended}
              </Notice>
            </div>
          </>
        )}
      </Read>
    </Section>
  );
}

function SessionRow({ session, busy, onEnd }: { session: Session; busy: boolean; onEnd(): void }) {
  const { agent, address, seen_at, created_at, current } = session;
  const device = deviceOf(agent);
  const now = new Date();
  const note = [
    current ? "In use now" : `Last used ${agoWords(seen_at, now)}`,
    `signed in ${agoWords(created_at, now)}`,
    address && `from ${address}`,
  ];
  return (
    <Row
      testId="session"
      title={
        <>
          {device}
          {current && (
            <span className="ml-2 rounded-full bg-accent-soft px-2 py-0.5 text-xs font-medium text-accent">
              This session
            </span>
          )}
        </>
      }
      note={note.filter(Boolean).join(" · ")}
      actions={
        !current && (
          <Button disabled={busy} onClick={onEnd} aria-label={`End the session of ${device}`}>
            End
          </Button>
        )
      }
    />
  );
}
