/** Registering: a guest becomes a user with an account, and keeps what is there. */

import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useId } from "react";
import { Link } from "wouter";
import { doorTo } from "../address.ts";
import { useMe } from "../state/hooks.ts";
import { noGuests } from "../state/services.ts";
import { changeUser } from "../state/session.ts";
import { useStore } from "../state/store.ts";
import { Field } from "../ui/field.tsx";
import { emailFault, free, newPasswordFault, PASSWORD_HINT, Send, useFields } from "../ui/form.tsx";
import { Password } from "../ui/password.tsx";
import { useTitle } from "../ui/title.ts";
import { Door, TEXT_LINK } from "./door.tsx";
import { Inside } from "./login.tsx";
import { account, type Registration } from "./requests.ts";
import { placeAfter, WaysIn } from "./ways.tsx";

export default function Register() {
  useTitle("Register");
  const place = placeAfter();
  const closed = useStore(noGuests);
  const me = useMe();
  if (me.data?.kind === "registered") return <Inside name={me.data.name ?? me.data.email} place={place} />;
  const lead = closed
    ? "An account keeps your chats, on every device."
    : "Everything that you made here as a guest stays yours: your chats, and the keys that you added.";
  return (
    <Door title="Register" lead={lead}>
      <WaysIn
        place={place}
        verb="Register with"
        open={({ passwords, registration }) => passwords && registration}
      >
        <RegisterForm place={place} />
      </WaysIn>
      <p className="mt-4 min-h-12 text-sm leading-6 text-soft">
        You have an account?{" "}
        <Link href={doorTo("/login", place)} className={TEXT_LINK}>
          Sign in
        </Link>
        .
      </p>
    </Door>
  );
}

const RULES = { name: free, email: emailFault, password: newPasswordFault };

function RegisterForm({ place }: { place: string }) {
  const note = useId();
  const { faults, read } = useFields(RULES);
  const register = useMutation({
    mutationFn: (wanted: Registration) => changeUser(() => account.register(wanted), place),
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const values = read(event.currentTarget);
    if (!values) return;
    const name = values.name.trim();
    register.mutate({ email: values.email.trim(), password: values.password, ...(name && { name }) });
  };
  const wrong = register.isError ? { "aria-describedby": note } : {};
  return (
    <form onSubmit={submit} noValidate>
      <Field label="Name" hint="If you like." name="name" autoComplete="name" maxLength={100} />
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
        label="Password"
        hint={PASSWORD_HINT}
        name="password"
        autoComplete="new-password"
        maxLength={1000}
        error={faults.password}
        {...wrong}
      />
      <Send id={note} sending={register} label="Register" wide />
    </form>
  );
}
