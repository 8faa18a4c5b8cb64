/** The account itself: name, address, password, linked providers, its end. */

import { useMutation } from "@tanstack/react-query";
import type { FormEvent } from "react";
import { Link } from "wouter";
import { account } from "../account/requests.ts";
import type { Me } from "../protocol/types.ts";
import { useMe } from "../state/hooks.ts";
import { keepMe } from "../state/services.ts";
import { Field } from "../ui/field.tsx";
import { emailFault, free, needed, Send, useFields } from "../ui/form.tsx";
import { Password } from "../ui/password.tsx";
import { DeleteAccount } from "./delete-account.tsx";
import { Identities } from "./identities.tsx";
import { PasswordForm } from "./password-form.tsx";
import { Read, Section } from "./section.tsx";

export function AccountSettings() {
  const me = useMe();
  return (
    <Read query={me} lines={4}>
      {(known) => (known.kind === "guest" ? <OfGuest /> : <OfUser key={known.id} me={known} />)}
    </Read>
  );
}

function OfGuest() {
  return (
    <>
      <Section
        title="You are here as a guest"
        lead="Your chats belong to this browser alone: they are gone when its cookies are. Register, and they are yours on every device."
      >
        <div className="flex flex-wrap gap-2">
          <Link
            href="/register?return_to=/settings/account"
            className="inline-flex h-9 items-center rounded-lg bg-accent px-3.5 text-sm font-medium text-accent-ink hover:opacity-90 touch:h-10"
          >
            Keep your chats: register
          </Link>
          <Link
            href="/login?return_to=/settings/account"
            className="inline-flex h-9 items-center rounded-lg border border-line px-3.5 text-sm font-medium hover:bg-hover touch:h-10"
          >
            Sign in
          </Link>
        </div>
      </Section>
      <DeleteAccount hasPassword={false} guest />
    </>
  );
}

function OfUser({ me }: { me: Me }) {
  return (
    <>
      <NameForm me={me} />
      <EmailForm me={me} />
      <PasswordForm me={me} />
      <Identities />
      <DeleteAccount hasPassword={me.has_password} />
    </>
  );
}

const NAME = { name: needed("Write a name.") };

function NameForm({ me }: { me: Me }) {
  const { faults, read } = useFields(NAME);
  const change = useMutation({ mutationFn: account.change, onSuccess: keepMe });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const values = read(event.currentTarget);
    if (values) change.mutate({ name: values.name.trim() });
  };
  return (
    <Section title="Your name" lead="Those with whom you share a chat see it.">
      <form onSubmit={submit} noValidate className="max-w-md">
        <Field
          label="Name"
          name="name"
          autoComplete="name"
          maxLength={100}
          defaultValue={me.name ?? ""}
          error={faults.name}
        />
        <Send sending={change} label="Save the name" done="Saved." />
      </form>
    </Section>
  );
}

const EMAIL = { email: emailFault, password: free };

function EmailForm({ me }: { me: Me }) {
  const { faults, read } = useFields(EMAIL);
  const change = useMutation({ mutationFn: account.change, onSuccess: keepMe });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const values = read(event.currentTarget);
    if (!values) return;
    const { email, password } = values;
    change.mutate({ email: email.trim(), ...(password && { password }) });
  };
  const state = me.email_verified ? "It is confirmed to be yours." : "Nobody has confirmed that it is yours.";
  return (
    <Section title="Your e-mail" lead="You sign in with it.">
      <form onSubmit={submit} noValidate className="max-w-md">
        <Field
          label="E-mail"
          name="email"
          type="email"
          autoComplete="email"
          maxLength={254}
          defaultValue={me.email ?? ""}
          hint={me.email ? state : "There is none yet."}
          error={faults.email}
        />
        {me.has_password && (
          <Password
            label="Your password, to change the e-mail"
            name="password"
            autoComplete="current-password"
            maxLength={1000}
          />
        )}
        <Send sending={change} label="Save the e-mail" done="Saved." />
      </form>
    </Section>
  );
}
