/** The form of a provider's key: pasted, tried out, kept. */

import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useEffect, useRef } from "react";
import { wordsOf } from "../protocol/api.ts";
import { Button } from "../ui/button.tsx";
import { Field } from "../ui/field.tsx";
import { needed, Send, useFields } from "../ui/form.tsx";
import { Notice } from "../ui/notice.tsx";
import { Password } from "../ui/password.tsx";
import { type KeyFields, type KeyProvider, own } from "./requests.ts";

interface Props {
  provider: KeyProvider;
  onSaved(): Promise<void>;
  onCancel(): void;
}

function addressFault(value: string): string | null {
  return value.trim() === "" || /^https?:\/\/[^/]/.test(value.trim()) ? null : "Begin it with https://.";
}

const RULES = { key: needed("Paste the key."), base_url: addressFault };

export function KeyForm({ provider, onSaved, onCancel }: Props) {
  const { faults, read } = useFields(RULES);
  const form = useRef<HTMLFormElement>(null);
  const save = useMutation({
    mutationFn: (fields: KeyFields) => own.setKey(provider.provider, fields),
    onSuccess: onSaved,
  });
  const test = useMutation({ mutationFn: (fields: KeyFields) => own.testKey(provider.provider, fields) });
  const written = (): KeyFields | null => {
    const values = read(form.current!);
    if (!values) return null;
    const base_url = values.base_url.trim();
    return { key: values.key.trim(), ...(base_url && { base_url }) };
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const fields = written();
    if (fields) save.mutate(fields);
  };
  const tryOut = () => {
    const fields = written();
    if (fields) test.mutate(fields);
  };
  return (
    <form ref={form} onSubmit={submit} noValidate className="mt-3 max-w-md border-t border-line pt-4">
      <KeyFieldsOf provider={provider} faults={faults} />
      <Send sending={save} label="Keep this key">
        <Button disabled={test.isPending} onClick={tryOut}>
          {test.isPending ? "Testing…" : "Test"}
        </Button>
        <Button onClick={onCancel}>Cancel</Button>
      </Send>
      <Notice good={test.isError ? false : (test.data?.ok ?? null)}>
        {test.isError ? wordsOf(test.error) : test.data?.message}
      </Notice>
    </form>
  );
}

interface FieldsProps {
  provider: KeyProvider;
  faults: Partial<Record<keyof typeof RULES, string>>;
}

function KeyFieldsOf({ provider, faults }: FieldsProps) {
  const first = useRef<HTMLInputElement>(null);
  useEffect(() => first.current?.focus(), []);
  return (
    <>
      <Password
        ref={first}
        label={`Key for ${provider.provider_name}`}
        name="key"
        autoComplete="off"
        maxLength={1000}
        error={faults.key}
      />
      {provider.base_url_allowed && (
        <Field
          label="Base URL"
          hint="Only where the key is for another address than the provider’s own."
          name="base_url"
          type="url"
          autoComplete="off"
          maxLength={2048}
          placeholder="https://"
          error={faults.base_url}
        />
      )}
    </>
  );
}
