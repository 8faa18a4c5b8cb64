/** Where a link leads: whose conversation it is, and the way in. */

import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useLocation } from "wouter";
import { usePathname } from "wouter/use-browser-location";
import { Door, TEXT_LINK, WAY } from "../account/door.tsx";
import { doorTo } from "../address.ts";
import { wordsOf } from "../protocol/api.ts";
import { ApiError } from "../protocol/errors.ts";
import { keys } from "../state/cache.ts";
import { welcome } from "../state/hear.ts";
import { useMe } from "../state/hooks.ts";
import { queries } from "../state/services.ts";
import { Button } from "../ui/button.tsx";
import { Notice } from "../ui/notice.tsx";
import { useTitle } from "../ui/title.ts";
import { type Invitation, sharing } from "./requests.ts";

export default function Arrival({ token }: { token: string }) {
  useTitle("A shared conversation");
  const invitation = useQuery({
    queryKey: ["sharing", "invitation", token],
    queryFn: () => sharing.preview(token),
    staleTime: 0,
  });
  const { data, error } = invitation;
  if (data) return data.accepts ? <Way token={token} invitation={data} /> : <ForAnother />;
  if (!error) {
    return (
      <Door title="…" lead="">
        <span role="status" className="sr-only">
          Loading
        </span>
      </Door>
    );
  }
  const over = error instanceof ApiError && error.status === 404;
  return (
    <Door
      title={over ? "This link does not work any more" : "The link cannot be opened now"}
      lead={over ? GONE : wordsOf(error)}
    >
      {over ? (
        <Link href="/" className={WAY}>
          Go to your chats
        </Link>
      ) : (
        <Button onClick={() => void invitation.refetch()}>Try again</Button>
      )}
    </Door>
  );
}

const GONE =
  "It was revoked, its time is over, or a part of it is missing. Ask whoever gave it to you for a new one.";

function Way({
  token,
  invitation: { conversation, role, owner },
}: {
  token: string;
  invitation: Invitation;
}) {
  const { data: me } = useMe();
  const path = usePathname();
  const [, navigate] = useLocation();
  const accept = useMutation({
    mutationFn: () => sharing.accept(token),
    onSuccess: ({ conversation_id: id }) => {
      welcome(id);
      // What was read before one came in, or while one was out, is not what one may see now.
      for (const queryKey of [keys.conversation(id), keys.messages(id)]) queries.removeQueries({ queryKey });
      void queries.invalidateQueries({ queryKey: keys.lists });
      navigate(`/chat/${encodeURIComponent(id)}`, { replace: true });
    },
  });
  const may = role === "participant" ? "read it and write in it" : "read along, live";
  return (
    <Door
      title={conversation.title ?? "A conversation without a title"}
      lead={`${owner.name ?? "Somebody"} shares this conversation with you. You may ${may}.`}
    >
      <Button
        look="primary"
        data-testid="open-shared"
        disabled={accept.isPending}
        onClick={() => accept.mutate()}
        className="!h-10 w-full justify-center !text-sm"
      >
        Open
      </Button>
      <div className="mt-2">
        <Notice good={accept.isError ? false : null}>{accept.isError && wordsOf(accept.error)}</Notice>
      </div>
      {me?.kind === "guest" && (
        <p className="text-sm leading-6 text-soft">
          You come in as a guest.{" "}
          <Link href={doorTo("/login", path)} className={TEXT_LINK}>
            Sign in
          </Link>{" "}
          first, to be known by your name.
        </p>
      )}
    </Door>
  );
}

function ForAnother() {
  const path = usePathname();
  return (
    <Door
      title="This invitation is for another address"
      lead="It is for one e-mail address. Sign in with the account that has it, and it opens."
    >
      <div className="space-y-2">
        <Link href={doorTo("/login", path)} className={WAY}>
          Sign in with that account
        </Link>
        <Link href="/" className={WAY}>
          Go to your chats
        </Link>
      </div>
    </Door>
  );
}
