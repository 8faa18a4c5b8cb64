/** Who uses this browser: what changes with them, in every tab, and what is left of them when they leave. */

import { keep, kept, recall } from "./store.ts";

/** Whom it changes to is not told, only that it changes (`changing:…`) and when it did; other tabs hear of it. */
const NAME = "session";
const CHANGING = "changing:";
const LONGEST_MS = 15_000;
/** So long a new cookie may be on its way, also where a provider's page brings it and no tab tells. */
const COOKIE_MS = 800;
/** The tab where it happened goes first, so that not each is made a guest of its own. */
const OTHERS_WAIT_MS = 400;

let changing = false;

/** Ask for what makes somebody else the user of this browser; then every tab begins anew, this one at `place`. */
export async function changeUser<T>(ask: () => Promise<T>, place: string): Promise<T> {
  changing = true;
  keep(NAME, `${CHANGING}${Date.now()}`);
  try {
    const answer = await ask();
    keep(NAME, `${Date.now()}`);
    location.assign(place);
    return answer;
  } catch (error) {
    changing = false;
    keep(NAME, null);
    throw error;
  }
}

/**
 * Once nobody is coming or going, and a moment later. The session that ends is told of before the cookie of the new one is there: whoever
 * asked in between would be made a new guest, and that guest's cookie would take the place of the user's.
 */
export async function settledUser(): Promise<void> {
  const until = Date.now() + LONGEST_MS;
  do await new Promise((resolve) => setTimeout(resolve, COOKIE_MS));
  while ((changing || changesElsewhere()) && Date.now() < until);
}

function changesElsewhere(): boolean {
  const noted = recall(NAME) ?? "";
  return noted.startsWith(CHANGING) && Date.now() - Number(noted.slice(CHANGING.length)) < LONGEST_MS;
}

/** Begin anew when another tab has changed the user. Returns how to stop. */
export function shareUser(frame: Window): () => void {
  const hear = ({ key, newValue }: StorageEvent) => {
    if (!key?.endsWith(`:${NAME}`) || newValue === null || newValue.startsWith(CHANGING)) return;
    setTimeout(() => frame.location.reload(), OTHERS_WAIT_MS);
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
