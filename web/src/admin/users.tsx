/** Everybody who has an account, or came as a guest: found, shut out, made an admin, deleted. */

import { useMutation } from "@tanstack/react-query";
import { useDeferredValue, useState } from "react";
import { wordsOf } from "../protocol/api.ts";
import { agoWords, dayWords } from "../protocol/times.ts";
import { Row, Rows, Section } from "../settings/section.tsx";
import { useMe } from "../state/hooks.ts";
import { queries } from "../state/services.ts";
import { Button } from "../ui/button.tsx";
import { Confirm } from "../ui/confirm.tsx";
import { Field } from "../ui/field.tsx";
import { loadKit } from "../ui/kit.ts";
import { moneyWords } from "../ui/money.ts";
import { Notice } from "../ui/notice.tsx";
import { Pages } from "./pages.tsx";
import { admin, type User } from "./requests.ts";
import { kindWords, personWords } from "./words.ts";

const KEY = ["admin", "users"];

export function Users() {
  const [words, setWords] = useState("");
  const q = useDeferredValue(words.trim());
  const { data: me } = useMe();
  const again = () => queries.invalidateQueries({ queryKey: KEY });
  const change = useMutation({
    mutationFn: ({ id, ...fields }: { id: string } & Parameters<typeof admin.change>[1]) =>
      admin.change(id, fields),
    onSuccess: again,
  });
  return (
    <Section
      title="Users"
      lead="Who is shut out loses sessions, tokens and what is open at once; the conversations stay."
    >
      <Field
        label="Find users"
        type="search"
        placeholder="Name, e-mail or id"
        value={words}
        onChange={({ target }) => setWords(target.value)}
      />
      <Notice good={change.isError ? false : null}>{change.isError && wordsOf(change.error)}</Notice>
      <Pages
        queryKey={[...KEY, q]}
        read={(cursor) => admin.users(q, cursor)}
        none="Nobody is called so."
        more="Show more users"
      >
        {(users) => (
          <Rows label="Users">
            {users.map((user) => (
              <UserRow
                key={user.id}
                user={user}
                mine={user.id === me?.id}
                busy={change.isPending}
                onChange={(fields) => change.mutate({ id: user.id, ...fields })}
                onGone={again}
              />
            ))}
          </Rows>
        )}
      </Pages>
    </Section>
  );
}

interface UserRowProps {
  user: User;
  /** It is the admin himself. */
  mine: boolean;
  busy: boolean;
  onChange(fields: Parameters<typeof admin.change>[1]): void;
  onGone(): Promise<unknown>;
}

function UserRow({ user, mine, busy, onChange, onGone }: UserRowProps) {
  const [asking, setAsking] = useState<"disable" | "delete" | null>(null);
  const name = personWords(user);
  const ask = (what: "disable" | "delete") => {
    loadKit();
    setAsking(what);
  };
  const done = () => setAsking(null);
  return (
    <Row
      testId="user"
      title={
        <>
          {name}
          {mine && <Mark>You</Mark>}
          {user.role === "admin" && <Mark>Admin</Mark>}
          {user.disabled && <Mark bad>Shut out</Mark>}
        </>
      }
      note={<About user={user} />}
      actions={!mine && <Acts user={user} busy={busy} onChange={onChange} onAsk={ask} />}
    >
      {asking === "disable" && (
        <Confirm
          title={`Shut ${name} out?`}
          words="Sessions and access tokens are gone at once, and answers are stopped. The conversations stay."
          action="Shut out"
          keep="Leave it"
          run={async () => onChange({ disabled: true })}
          onDone={done}
        />
      )}
      {asking === "delete" && (
        <Confirm
          title={`Delete ${name}?`}
          words="All conversations, keys and tokens go too. Nobody can bring them back."
          action="Delete for good"
          run={() =>
            admin
              .remove(user.id)
              .then(onGone)
              .then(() => {})
          }
          onDone={done}
        />
      )}
    </Row>
  );
}

interface ActsProps extends Pick<UserRowProps, "user" | "busy" | "onChange"> {
  onAsk(what: "disable" | "delete"): void;
}

function Acts({ user, busy, onChange, onAsk }: ActsProps) {
  const name = personWords(user);
  const isAdmin = user.role === "admin";
  const act = (words: string, onClick: () => void) => (
    <Button disabled={busy} aria-label={`${words}: ${name}`} onClick={onClick}>
      {words}
    </Button>
  );
  return (
    <>
      {user.kind === "registered" &&
        act(isAdmin ? "Make a user" : "Make an admin", () => onChange({ role: isAdmin ? "user" : "admin" }))}
      {user.disabled
        ? act("Let in", () => onChange({ disabled: false }))
        : act("Shut out", () => onAsk("disable"))}
      {act("Delete", () => onAsk("delete"))}
    </>
  );
}

function About({ user }: { user: User }) {
  const now = new Date();
  const parts = [
    kindWords(user.kind),
    user.email !== personWords(user) && user.email,
    `since ${dayWords(user.created_at)}`,
    user.seen_at !== null && `seen ${agoWords(user.seen_at, now)}`,
    `${user.messages} answered`,
    user.messages > 0 && user.cost !== null && moneyWords(user.cost),
  ];
  return (
    <>
      {parts.filter(Boolean).join(" · ")}
      {user.id !== personWords(user) && <span className="block font-mono text-xs break-all">{user.id}</span>}
    </>
  );
}

function Mark({ bad = false, children }: { bad?: boolean; children: string }) {
  const look = bad ? "bg-danger-soft text-danger" : "bg-accent-soft text-accent";
  return <span className={`ml-2 rounded-full px-2 py-0.5 text-xs font-medium ${look}`}>{children}</span>;
}
