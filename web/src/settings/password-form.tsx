/** A new password, or the first one. */

import { useMutation } from "@tanstack/react-query";
import type { FormEvent } from "react";
import { account } from "../account/requests.ts";
import type { Me } from "../protocol/types.ts";
import { keepMe, queries } from "../state/services.ts";
import { free, needed, newPasswordFault, PASSWORD_HINT, Send, useFields } from "../ui/form.tsx";
import { Password } from "../ui/password.tsx";
import { Section } from "./section.tsx";

const CHANGE = { current: needed("Write the password that you have now."), password: newPasswordFault };
const FIRST = { current: free, password: newPasswordFault };

export function PasswordForm({ me }: { me: Me }) {
  return (
    <Section
      title="Password"
      lead={
        me.has_password
          ? "A new one ends all your other sessions. Access tokens stay: revoke those yourself."
          : "You have none, and sign in by a provider."
      }
    >
      <PasswordFields me={me} />
    </Section>
  );
}

function PasswordFields({ me }: { me: Me }) {
  const { faults, read } = useFields(me.has_password ? CHANGE : FIRST);
  const change = useMutation({
    mutationFn: account.setPassword,
    onSuccess: () => {
      keepMe({ ...me, has_password: true });
      void queries.invalidateQueries({ queryKey: ["own", "sessions"] });
    },
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const values = read(form);
    if (!values) return;
    const { current, password } = values;
    change.mutate({ password, ...(current && { current }) }, { onSuccess: () => form.reset() });
  };
  return (
    <form onSubmit={submit} noValidate className="max-w-md">
      {/* A password manager wants to know whose it is. */}
      <input hidden type="text" name="username" autoComplete="username" value={me.email ?? ""} readOnly />
      {me.has_password && (
        <Password
          label="Current password"
          name="current"
          autoComplete="current-password"
          maxLength={1000}
          error={faults.current}
        />
      )}
      <Password
        label="New password"
        hint={PASSWORD_HINT}
        name="password"
        autoComplete="new-password"
        maxLength={1000}
        error={faults.password}
      />
      <Send
        sending={change}
        label={me.has_password ? "Change the password" : "Set a password"}
        done="It counts from now on. All other sessions have ended."
      />
    </form>
  );
}
