/** Writes the limits of somebody down. */

import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { LIMITS, type LimitName } from "../settings/requests.ts";
import { Field, Select } from "../ui/field.tsx";
import { free, needed, type Rules, Send, useFields } from "../ui/form.tsx";
import { admin, type Limits } from "./requests.ts";
import { LIMIT_WORDS, mostFault, mostOf, SUBJECTS } from "./words.ts";

const ONE = "one";

const MOSTS = Object.fromEntries(
  LIMITS.map((name) => [name, (text: string) => mostFault(name, text)]),
) as Rules<LimitName>;

interface Props {
  /** What is there already; null: nothing. */
  of: Limits | null;
  onSaved(): Promise<void>;
}

export function LimitForm({ of, onSaved }: Props) {
  const [kind, setKind] = useState("guest");
  const rules = {
    ...MOSTS,
    model: free,
    user: kind === ONE && !of ? needed("Write the id of a user.") : free,
  };
  const { faults, read } = useFields<LimitName | "model" | "user">(rules);
  const save = useMutation({ mutationFn: admin.limit, onSuccess: onSaved });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const values = read(event.currentTarget);
    if (!values) return;
    const mosts = Object.fromEntries(LIMITS.map((name) => [name, mostOf(values[name])])) as Pick<
      Limits,
      LimitName
    >;
    const subject = kind === ONE ? values.user.trim() : kind;
    save.mutate({ ...(of ?? { subject, model: values.model.trim() || "*" }), ...mosts });
  };
  return (
    <form onSubmit={submit} noValidate className="mt-3">
      <div className="grid gap-x-4 sm:grid-cols-2">
        {!of && <ForWhom kind={kind} onKind={setKind} faults={faults} />}
        {LIMITS.map((name) => (
          <Field
            key={name}
            label={LIMIT_WORDS[name]}
            name={name}
            inputMode="text"
            placeholder="what stands behind it"
            defaultValue={of?.[name] ?? ""}
            hint="A number, or off."
            error={faults[name]}
          />
        ))}
      </div>
      <Send sending={save} label="Save the limits" />
    </form>
  );
}

interface ForWhomProps {
  kind: string;
  onKind(kind: string): void;
  faults: { user?: string; model?: string };
}

function ForWhom({ kind, onKind, faults }: ForWhomProps) {
  return (
    <>
      <Select label="For whom" value={kind} onChange={({ target }) => onKind(target.value)}>
        {Object.entries(SUBJECTS).map(([subject, words]) => (
          <option key={subject} value={subject}>
            {words}
          </option>
        ))}
        <option value={ONE}>One user</option>
      </Select>
      {kind === ONE && <Field label="The user’s id" name="user" error={faults.user} />}
      <Field
        label="Model"
        name="model"
        placeholder="all together"
        hint="As in the picker, such as openai/gpt-5.2."
        error={faults.model}
      />
    </>
  );
}
