/** A small word, only after a second without the server. */

import { useEffect, useState, useSyncExternalStore } from "react";
import { live } from "../state/services.ts";

const PATIENCE_MS = 1_000;

export function useConnected(): boolean {
  return useSyncExternalStore(
    (listener) => live.watch(listener),
    () => live.connected,
  );
}

export function Reconnecting() {
  const connected = useConnected();
  const [late, setLate] = useState(false);
  useEffect(() => {
    if (connected) {
      setLate(false);
      return;
    }
    const timer = setTimeout(() => setLate(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [connected]);
  return (
    <div role="status" className="contents">
      {late && !connected && (
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
