/** Fields of the settings of answers. */

import { useId } from "react";
import { Field, INPUT } from "../ui/field.tsx";

interface NumberProps {
  label: string;
  hint: string;
  /** Undefined: as the server has it; null: as the model has it. */
  value: number | null | undefined;
  servers: number;
  range: { min: number; max: number; step: number | "any" };
  onChange(value: number | null | undefined): void;
}

/** A number that may also be left to the server, or to the model. */
export function NumberSetting({ label, hint, value, servers, range, onChange }: NumberProps) {
  const models = value === null;
  return (
    <div className="mb-2">
      <Field
        label={label}
        type="number"
        inputMode="decimal"
        {...range}
        hint={models ? "As the model has it." : hint}
        placeholder={models ? "" : `${servers}`}
        disabled={models}
        value={value ?? ""}
        onChange={({ target }) => onChange(target.value === "" ? undefined : target.valueAsNumber)}
      />
      <label className="-mt-1 mb-3 flex min-h-6 items-center gap-2 text-[0.8125rem] text-soft touch:min-h-10">
        <input
          type="checkbox"
          aria-label={`${label} as the model has it`}
          checked={models}
          onChange={({ target }) => onChange(target.checked ? null : undefined)}
          className="size-4 accent-accent"
        />
        Leave it to the model
      </label>
    </div>
  );
}

/** As many characters as the server takes. */
const LONGEST = 64_000;

export function SystemPrompt({ value, onChange }: { value: string; onChange(value: string): void }) {
  const id = useId();
  return (
    <div>
      <label htmlFor={id} className="mb-1.5 block text-sm font-medium">
        System prompt
      </label>
      <textarea
        id={id}
        aria-describedby={`${id}note`}
        rows={5}
        maxLength={LONGEST}
        value={value}
        onChange={({ target }) => onChange(target.value)}
        className={`${INPUT} !h-auto min-h-28 resize-y py-2 leading-6`}
      />
      <p id={`${id}note`} className="mt-1 text-[0.8125rem] leading-5 text-faint">
        What it is told before the conversation.
      </p>
    </div>
  );
}
