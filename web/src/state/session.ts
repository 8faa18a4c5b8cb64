/** Who uses this browser: what changes with them, in every tab, and what is left of them when they leave. */

import { keep, kept } from "./store.ts";

/** Changes whenever somebody comes or goes; other tabs hear of it. */
const NAME = "session";

/** Somebody else uses this browser from now on: every tab begins anew, this one at `place`. */
export function changeUser(place: string): void {
  keep(NAME, `${Date.now()}`);
  location.assign(place);
}

/** Begin anew when another tab changes the user. Returns how to stop. */
export function shareUser(frame: Window): () => void {
  const hear = (event: StorageEvent) => {
    if (event.key?.endsWith(`:${NAME}`)) frame.location.reload();
  };
  frame.addEventListener("storage", hear);
  return () => frame.removeEventListener("storage", hear);
}

/** How many messages were not sent: whoever leaves should know. */
export function unsent(): number {
  return kept("outbox:").length;
}

/** Whoever comes next must not find what the one who leaves wrote. */
export function forgetWhatWasWritten(): void {
  for (const name of ["draft:", "outbox:", "wish:"].flatMap(kept)) keep(name, null);
}
