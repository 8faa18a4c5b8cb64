/** A field for a secret, which can be looked at. */

import { type ComponentProps, useState } from "react";
import { Field } from "./field.tsx";

export function Password(props: Omit<ComponentProps<typeof Field>, "type" | "children">) {
  const [shown, setShown] = useState(false);
  return (
    <Field
      {...props}
      type={shown ? "text" : "password"}
      spellCheck={false}
      autoCapitalize="off"
      className="pr-16"
    >
      <button
        type="button"
        data-testid="password-shown"
        aria-label={`${shown ? "Hide" : "Show"} ${props.label.toLowerCase()}`}
        onClick={() => setShown(!shown)}
        className="absolute inset-y-1 right-1 rounded-md px-2.5 text-xs font-medium text-soft hover:bg-hover hover:text-ink"
      >
        {shown ? "Hide" : "Show"}
      </button>
    </Field>
  );
}
