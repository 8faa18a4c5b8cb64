/** Whether the server is away, as a person is told: only after a second without it. */

import { useEffect, useState, useSyncExternalStore } from "react";
import { live } from "../state/services.ts";

const PATIENCE_MS = 1_000;

function useConnected(): boolean {
  return useSyncExternalStore(
    (listener) => live.watch(listener),
    () => live.connected,
  );
}

export function useAway(): boolean {
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
  return late && !connected;
}
