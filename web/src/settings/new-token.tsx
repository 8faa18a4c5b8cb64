/** The form of a new access token. */

import type { UseMutationResult } from "@tanstack/react-query";
import { type FormEvent, useId, useState } from "react";
import { useMe } from "../state/hooks.ts";
import { Field, Select } from "../ui/field.tsx";
import { free, needed, Send, useFields } from "../ui/form.tsx";
import type { NewToken, Token } from "./requests.ts";
import { ADMIN_SCOPE, LIFETIMES, SCOPES } from "./scopes.ts";

type Making = UseMutationResult<Token & { token: string }, Error, NewToken>;

const RULES = { name: needed("Give it a name, so that you know it again."), days: free };

export function NewTokenForm({ making }: { making: Making }) {
  const { faults, read } = useFields(RULES);
  const [scopes, setScopes] = useState<string[]>(["all"]);
  const [none, setNone] = useState(false);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    setNone(scopes.length === 0);
    const values = read(form);
    if (!values || scopes.length === 0) return;
    const days = values.days ? { expires_in_days: Number(values.days) } : {};
    making.mutate({ name: values.name.trim(), scopes, ...days }, { onSuccess: () => form.reset() });
  };
  return (
    <form onSubmit={submit} noValidate className="max-w-md">
      <Field
        label="Name"
        name="name"
        autoComplete="off"
        maxLength={100}
        placeholder="What it is for"
        error={faults.name}
      />
      <Select label="Lives for" name="days" defaultValue="90">
        {LIFETIMES.map(({ days, name }) => (
          <option key={name} value={days ?? ""}>
            {name}
          </option>
        ))}
      </Select>
      <Scopes chosen={scopes} onChange={setScopes} error={none ? "Choose at least one." : null} />
      <Send sending={{ ...making, isSuccess: false }} label="Make a token" />
    </form>
  );
}

interface ScopesProps {
  chosen: readonly string[];
  onChange(scopes: string[]): void;
  error: string | null;
}

/** Everything stands for all that it covers. */
function Scopes({ chosen, onChange, error }: ScopesProps) {
  const { data: me } = useMe();
  const note = useId();
  const offered = me?.role === "admin" ? [...SCOPES, ADMIN_SCOPE] : SCOPES;
  const toggle = (scope: string) => {
    const covered = (one: string) => (scope === "all" ? one !== "admin" : one === "all" && scope !== "admin");
    onChange(
      chosen.includes(scope)
        ? chosen.filter((one) => one !== scope)
        : [...chosen.filter((one) => !covered(one)), scope],
    );
  };
  return (
    <fieldset aria-describedby={note}>
      <legend className="text-sm font-medium">May be used for</legend>
      {offered.map(({ scope, name, words }) => (
        <label key={scope} className="mt-2 flex items-start gap-2.5 text-sm leading-6">
          <input
            type="checkbox"
            checked={chosen.includes(scope)}
            onChange={() => toggle(scope)}
            className="mt-1 size-4 shrink-0 accent-accent"
          />
          <span>
            {name} <span className="text-faint">({words})</span>
          </span>
        </label>
      ))}
      <p id={note} className="mt-1 min-h-6 text-[0.8125rem] leading-6 text-danger">
        {error}
      </p>
    </fieldset>
  );
}
