/** Signing in. */

import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useId, useRef } from "react";
import { Link } from "wouter";
import { doorTo } from "../address.ts";
import { wordsOf } from "../protocol/api.ts";
import { useMe } from "../state/hooks.ts";
import { noGuests } from "../state/services.ts";
import { changeUser } from "../state/session.ts";
import { useStore } from "../state/store.ts";
import { Field } from "../ui/field.tsx";
import { emailFault, needed, Send, useFields } from "../ui/form.tsx";
import { Notice } from "../ui/notice.tsx";
import { Password } from "../ui/password.tsx";
import { useTitle } from "../ui/title.ts";
import { Door, TEXT_LINK, WAY } from "./door.tsx";
import { account, type Login as Wanted } from "./requests.ts";
import { placeAfter, useWays, WaysIn } from "./ways.tsx";

/** `place`: where to go afterwards; else where the address says. */
export default function Login({ place = placeAfter() }: { place?: string }) {
  useTitle("Sign in");
  const closed = useStore(noGuests);
  const me = useMe();
  if (me.data?.kind === "registered") return <Inside name={me.data.name ?? me.data.email} place={place} />;
  return (
    <Door title="Sign in" lead={closed ? <Closed /> : "What you made here as a guest comes with you."}>
      <WaysIn place={place} verb="Continue with" open={({ passwords }) => passwords}>
        <LoginForm place={place} />
      </WaysIn>
      <Others place={place} closed={closed} />
    </Door>
  );
}

function Closed() {
  return (
    <>
      This server takes no guests: sign in to use it. Whoever runs it can let guests in with{" "}
      <code className="font-mono text-[0.8125rem]">THREADLINE_GUESTS=on</code>; this page goes on by itself
      then.
    </>
  );
}

const RULES = { email: emailFault, password: needed("Write your password.") };

function LoginForm({ place }: { place: string }) {
  const note = useId();
  const { faults, read } = useFields(RULES);
  const password = useRef<HTMLInputElement>(null);
  const login = useMutation({
    mutationFn: (login: Wanted) => changeUser(() => account.login(login), place),
    onError: () => password.current?.select(),
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const values = read(event.currentTarget);
    if (values) login.mutate({ ...values, email: values.email.trim() });
  };
  const wrong = login.isError ? { "aria-invalid": true, "aria-describedby": note } : {};
  return (
    <form onSubmit={submit} noValidate>
      <Field
        label="E-mail"
        name="email"
        type="email"
        autoComplete="username"
        maxLength={254}
        error={faults.email}
        {...wrong}
      />
      <Password
        ref={password}
        label="Password"
        name="password"
        autoComplete="current-password"
        maxLength={1000}
        error={faults.password}
        {...wrong}
      />
      <Send id={note} sending={login} label="Sign in" wide />
    </form>
  );
}

function Others({ place, closed }: { place: string; closed: boolean }) {
  const ways = useWays();
  return (
    <p className="mt-4 min-h-12 text-sm leading-6 text-soft">
      {ways.data?.registration && (
        <>
          No account yet?{" "}
          <Link href={doorTo("/register", place)} className={TEXT_LINK}>
            Register
          </Link>
          .{" "}
        </>
      )}
      {!closed && (
        <Link href="/" className={TEXT_LINK}>
          Go on as a guest
        </Link>
      )}
    </p>
  );
}

/** Whoever is signed in already has a way on. */
export function Inside({ name, place }: { name: string | null; place: string }) {
  const logout = useMutation({
    mutationFn: () => changeUser(account.logout, location.pathname + location.search),
  });
  return (
    <Door title="You are signed in" lead={name ? `As ${name}.` : ""}>
      <div className="space-y-2">
        <Link href={place} className={WAY}>
          Go on
        </Link>
        <button type="button" className={WAY} onClick={() => logout.mutate()}>
          Sign in as somebody else
        </button>
      </div>
      <Notice good={logout.isError ? false : null}>{logout.isError && wordsOf(logout.error)}</Notice>
    </Door>
  );
}
