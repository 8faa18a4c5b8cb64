/** Says that the session has ended, above what was shown; it is signed in again without losing a word. */

import { usePathname } from "wouter/use-browser-location";
import { doorTo } from "../address.ts";
import { lost } from "../state/services.ts";
import { useStore } from "../state/store.ts";

export function Ended() {
  const before = useStore(lost);
  const path = usePathname();
  return (
    <div
      role="status"
      className="fixed inset-x-0 top-16 z-[70] sm:top-2 mx-auto w-fit max-w-[calc(100vw-1rem)]"
    >
      {before && (
        <p
          data-testid="session-ended"
          className="fade-in flex flex-wrap items-center gap-x-3 gap-y-1 rounded-xl border border-line bg-raised px-4 py-2.5 text-sm shadow-float"
        >
          Your session has ended. What you wrote is kept.
          <SignInAgain place={path} />
        </p>
      )}
    </div>
  );
}

/** A whole new page: this one may still think that it knows who uses it. */
export function SignInAgain({ place }: { place: string }) {
  return (
    <a
      href={doorTo("/login", place)}
      data-testid="sign-in-again"
      className="inline-flex h-8 items-center rounded-lg bg-accent px-3 text-[0.8125rem] font-medium text-accent-ink hover:opacity-90 touch:h-10"
    >
      Sign in
    </a>
  );
}
