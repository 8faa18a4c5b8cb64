/** Who is in a conversation, each but its owner to be let out. */

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { agoWords } from "../protocol/times.ts";
import { Read, Row, Rows } from "../settings/section.tsx";
import { Button } from "../ui/button.tsx";
import { Confirm } from "../ui/confirm.tsx";
import { NAMELESS } from "./company.ts";
import { type Participant, peopleIn, peopleQuery, sharing } from "./requests.ts";
import { takenOut } from "./taken-out.ts";
import { ROLES } from "./words.ts";

function Person({ one: { user, role, created_at }, onRemove }: { one: Participant; onRemove(): void }) {
  if (role === "owner") return <Row testId="person" title="You" note={ROLES.owner} />;
  const name = user.name ?? NAMELESS;
  return (
    <Row
      testId="person"
      title={name}
      note={`${ROLES[role]}, came ${agoWords(created_at, new Date())}`}
      actions={
        <Button onClick={onRemove} aria-label={`Remove “${name}”`}>
          Remove
        </Button>
      }
    />
  );
}

/** Nothing tells the owner who comes in. */
const LOOK_MS = 4_000;

export function PeopleInside({ id }: { id: string }) {
  const people = useQuery({ ...peopleQuery(id), staleTime: 0, refetchInterval: LOOK_MS });
  const [removing, setRemoving] = useState<Participant | null>(null);
  return (
    <>
      <Read query={people} lines={1}>
        {({ items }) => (
          <Rows label="People">
            {items.map((one) => (
              <Person key={one.user.id} one={one} onRemove={() => setRemoving(one)} />
            ))}
          </Rows>
        )}
      </Read>
      {removing && (
        <Confirm
          title={`Remove ${removing.user.name ?? "this guest"}?`}
          words="What was said stays. Whoever came by an open link can come back by it, until you revoke that."
          action="Remove"
          run={() =>
            takenOut<Participant>(
              peopleIn(id),
              ({ user }) => user.id === removing.user.id,
              () => sharing.remove(id, removing.user.id),
            )
          }
          onDone={() => setRemoving(null)}
        />
      )}
    </>
  );
}
