/** Forms: what stands in their fields is checked and read, then sent, and what came of it is said below. */

import type { UseMutationResult } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { wordsOf } from "../protocol/api.ts";
import { Button } from "./button.tsx";
import { Notice } from "./notice.tsx";

/** By the name of a field: what is wrong with a value; null where nothing is. */
export type Rules<K extends string> = Record<K, (value: string) => string | null>;

export const free = () => null;

export function needed(words: string): (value: string) => string | null {
  return (value) => (value.trim() === "" ? words : null);
}

export function emailFault(value: string): string | null {
  return /^\s*[^\s@]+@[^\s@]+\s*$/.test(value) ? null : "Write an e-mail address, like name@example.org.";
}

const SHORTEST = 8;
export const PASSWORD_HINT = `At least ${SHORTEST} characters; a few words are easy to remember.`;

export function newPasswordFault(value: string): string | null {
  return [...value].length < SHORTEST ? `Take at least ${SHORTEST} characters.` : null;
}

export function useFields<K extends string>(rules: Rules<K>) {
  const [faults, setFaults] = useState<Partial<Record<K, string>>>({});
  /** What stands in the fields; null where something is wrong, which then is said and has the focus. */
  const read = (form: HTMLFormElement): Record<K, string> | null => {
    const data = new FormData(form);
    const names = Object.keys(rules) as K[];
    const values = {} as Record<K, string>;
    const found: Partial<Record<K, string>> = {};
    for (const name of names) {
      values[name] = `${data.get(name) ?? ""}`;
      const fault = rules[name](values[name]);
      if (fault !== null) found[name] = fault;
    }
    setFaults(found);
    const first = names.find((name) => found[name]);
    if (first === undefined) return values;
    (form.elements.namedItem(first) as HTMLElement | null)?.focus();
    return null;
  };
  return { faults, read };
}

interface SendProps {
  /** Names the words below the button, for the fields that they are about. */
  id?: string;
  sending: Pick<UseMutationResult, "isPending" | "isError" | "isSuccess" | "error">;
  label: string;
  /** What is said once it went well. */
  done?: ReactNode;
  wide?: boolean;
  testId?: string;
  /** More buttons beside it. */
  children?: ReactNode;
}

export function Send({ id, sending, label, done, wide = false, testId, children }: SendProps) {
  const { isPending, isError, isSuccess, error } = sending;
  const look = wide ? "!h-10 w-full justify-center !text-sm" : "";
  const good = isError ? false : isSuccess && done ? true : null;
  return (
    <>
      <div className="flex flex-wrap items-center gap-2">
        <Button type="submit" look="primary" data-testid={testId} disabled={isPending} className={look}>
          {label}
        </Button>
        {children}
      </div>
      <div className="mt-2">
        <Notice {...(id && { id })} good={good}>
          {isError ? wordsOf(error) : done}
        </Notice>
      </div>
    </>
  );
}
