/** Buttons: an icon with a name, or words. */

import type { ButtonHTMLAttributes, ReactNode, Ref } from "react";

interface IconButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  /** What it does, for people who see it and for those who hear it. */
  label: string;
  children: ReactNode;
  size?: "small" | "normal";
  ref?: Ref<HTMLButtonElement>;
}

export function IconButton({ label, children, size = "normal", className = "", ...props }: IconButtonProps) {
  const box = size === "small" ? "size-7 touch:size-10 rounded-md" : "size-9 touch:size-10 rounded-lg";
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      className={`grid ${box} shrink-0 place-items-center text-faint transition-colors hover:bg-hover hover:text-ink disabled:opacity-40 disabled:hover:bg-transparent ${className}`}
      {...props}
    >
      {children}
    </button>
  );
}

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: "plain" | "primary" | "danger";
  ref?: Ref<HTMLButtonElement>;
}

const LOOKS = {
  plain: "border border-line text-ink hover:bg-hover",
  primary: "bg-accent text-accent-ink hover:brightness-110",
  danger: "bg-danger text-paper hover:brightness-110",
};

export function Button({ look = "plain", className = "", ...props }: ButtonProps) {
  return (
    <button
      type="button"
      className={`inline-flex h-8 touch:h-10 items-center gap-1.5 rounded-lg px-3 text-[0.8125rem] font-medium transition disabled:opacity-50 ${LOOKS[look]} ${className}`}
      {...props}
    />
  );
}
