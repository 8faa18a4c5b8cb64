/** Light and dark: the system's choice until a person makes one. */

import { useSyncExternalStore } from "react";
import { keep, recall, Store } from "../state/store.ts";
import { IconButton } from "./button.tsx";
import { Moon, Sun } from "./icons.tsx";

export type Theme = "light" | "dark";

const chosen = new Store<Theme | null>(recall("theme") as Theme | null);
const system = matchMedia("(prefers-color-scheme: dark)");

function current(): Theme {
  return chosen.get() ?? (system.matches ? "dark" : "light");
}

function show(): void {
  document.documentElement.classList.toggle("dark", current() === "dark");
}

function watch(listener: () => void): () => void {
  const changed = () => {
    show();
    listener();
  };
  system.addEventListener("change", changed);
  const stop = chosen.watch(changed);
  return () => {
    system.removeEventListener("change", changed);
    stop();
  };
}

/** What was chosen; null: as the system has it. */
export function useChosenTheme(): Theme | null {
  return useSyncExternalStore(watch, chosen.get);
}

export function chooseTheme(theme: Theme | null): void {
  keep("theme", theme);
  chosen.set(theme);
}

export function ThemeToggle() {
  const theme = useSyncExternalStore(watch, current);
  const other: Theme = theme === "dark" ? "light" : "dark";
  return (
    <IconButton
      data-testid="theme-toggle"
      label={`Use the ${other} theme`}
      onClick={() => {
        // Back at the system's own choice, it is followed again.
        chooseTheme(other === (system.matches ? "dark" : "light") ? null : other);
      }}
    >
      {theme === "dark" ? <Sun className="size-[1.15rem]" /> : <Moon className="size-[1.15rem]" />}
    </IconButton>
  );
}
