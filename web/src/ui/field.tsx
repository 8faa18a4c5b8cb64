/** Fields of forms: a label, what helps to fill it in, and what is wrong with it. */

import { type InputHTMLAttributes, type ReactNode, type Ref, type SelectHTMLAttributes, useId } from "react";

export const INPUT =
  "h-10 w-full rounded-lg border border-line bg-raised px-3 text-base placeholder:text-faint aria-[invalid=true]:border-danger sm:text-sm";

interface Words {
  label: string;
  /** Said below the field, until there is something wrong. */
  hint?: ReactNode;
  error?: string | null | undefined;
}

interface FieldProps extends Words, InputHTMLAttributes<HTMLInputElement> {
  ref?: Ref<HTMLInputElement>;
  /** Stands at the end of the field. */
  children?: ReactNode;
}

export function Field({ label, hint, error, children, className = "", ...input }: FieldProps) {
  const id = useId();
  const note = error || hint ? `${id}note` : undefined;
  const described = [note, input["aria-describedby"]].filter(Boolean).join(" ") || undefined;
  return (
    <div>
      <label htmlFor={id} className="mb-1.5 block text-sm font-medium">
        {label}
      </label>
      <div className="relative">
        <input
          {...input}
          id={id}
          aria-invalid={error ? true : input["aria-invalid"]}
          aria-describedby={described}
          className={`${INPUT} ${className}`}
        />
        {children}
      </div>
      <Note id={note} error={error} hint={hint} />
    </div>
  );
}

interface SelectProps extends Words, SelectHTMLAttributes<HTMLSelectElement> {}

export function Select({ label, hint, error, className = "", ...select }: SelectProps) {
  const id = useId();
  const note = error || hint ? `${id}note` : undefined;
  return (
    <div>
      <label htmlFor={id} className="mb-1.5 block text-sm font-medium">
        {label}
      </label>
      <select {...select} id={id} aria-describedby={note} className={`${INPUT} ${className}`} />
      <Note id={note} error={error} hint={hint} />
    </div>
  );
}

/** Its line is there also while it is empty, so that an error moves nothing. */
function Note({ id, error, hint }: { id: string | undefined } & Pick<Words, "error" | "hint">) {
  return (
    <p
      id={id}
      className={`mt-1 mb-2 min-h-5 text-[0.8125rem] leading-5 ${error ? "text-danger" : "text-faint"}`}
    >
      {error || hint}
    </p>
  );
}
