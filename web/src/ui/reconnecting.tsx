/** A small word while the server is away; it lies above the header, so that nothing moves for it. */

import { useAway } from "./away.ts";

export function Reconnecting() {
  const away = useAway();
  return (
    <div role="status" className="absolute top-full right-2.5 z-10 sm:top-3.5">
      {away && (
        <span
          data-testid="reconnecting"
          className="fade-in inline-flex h-7 items-center gap-2 rounded-full border border-line bg-raised px-3 text-xs text-soft"
        >
          <span className="spinner" aria-hidden="true" />
          Reconnecting…
        </span>
      )}
    </div>
  );
}
