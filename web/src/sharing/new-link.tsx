/** The form of a new link, and the link once it is made. */

import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, useEffect, useRef } from "react";
import { queries } from "../state/services.ts";
import { Field, Select } from "../ui/field.tsx";
import { emailFault, free, Send, useFields } from "../ui/form.tsx";
import { Address } from "./address.tsx";
import { linksOf, linksQuery, type MadeShare, type NewShare, type ShareRole, sharing } from "./requests.ts";
import { LIFETIMES } from "./words.ts";

const RULES = {
  role: free,
  days: free,
  email: (value: string) => (value.trim() === "" ? null : emailFault(value)),
};

export function NewLink({ id }: { id: string }) {
  const { faults, read } = useFields(RULES);
  const making = useMutation({
    mutationFn: (wanted: NewShare) => sharing.make(id, wanted),
    // It is made once it stands among the others.
    onSuccess: () => queries.invalidateQueries({ queryKey: linksOf(id) }),
  });
  const stands = useQuery(linksQuery(id)).data?.items.some((share) => share.id === making.data?.id);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const values = read(form);
    if (!values) return;
    const email = values.email.trim();
    const wanted: NewShare = {
      role: values.role as ShareRole,
      ...(email && { email }),
      ...(values.days && { expires_in_days: Number(values.days) }),
    };
    making.mutate(wanted, { onSuccess: () => form.reset() });
  };
  return (
    <form onSubmit={submit} noValidate>
      <div className="grid gap-x-4 sm:grid-cols-2">
        <Select label="Who has it may" name="role">
          <option value="observer">Read along</option>
          <option value="participant">Read and write</option>
        </Select>
        <Select label="It is good for" name="days">
          {LIFETIMES.map(({ days, name }) => (
            <option key={name} value={days ?? ""}>
              {name}
            </option>
          ))}
        </Select>
      </div>
      <Field
        label="For one e-mail address only (optional)"
        name="email"
        type="email"
        autoComplete="off"
        maxLength={254}
        error={faults.email}
        hint="Only the account with this address may open it. No mail is sent."
      />
      <Send sending={{ ...making, isSuccess: false }} label="Make a link" testId="make-link" />
      <div role="status">{making.data && stands && <Made key={making.data.id} made={making.data} />}</div>
    </form>
  );
}

function Made({ made: { path, email } }: { made: MadeShare }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    box.current?.scrollIntoView({ block: "nearest" });
  }, []);
  return (
    <div ref={box} className="rounded-xl border border-accent bg-raised p-4 text-sm">
      <p className="font-medium">
        {email ? `The link for ${email} is made.` : "The link is made."} Copy it now: it is shown this once.
      </p>
      <Address label="Copy the link" testId="new-link" text={location.origin + path} />
    </div>
  );
}
