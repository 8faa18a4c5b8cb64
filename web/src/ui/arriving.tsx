/** Screens that are fetched when they are first shown; what did not get through is fetched when the server is back. */

import { type ComponentType, lazy } from "react";
import { live } from "../state/services.ts";

type Loaded<P> = { default: ComponentType<P> };

export function arriving<P extends object>(load: () => Promise<Loaded<P>>) {
  return lazy(() => persistently(load));
}

async function persistently<P>(load: () => Promise<Loaded<P>>): Promise<Loaded<P>> {
  try {
    return await load();
  } catch (error) {
    // While the server is there, it has another version of the page: only loading that anew helps.
    if (live.connected) throw error;
    await new Promise<void>((resolve) => {
      const unwatch = live.watch(() => {
        unwatch();
        resolve();
      });
    });
    return persistently(load);
  }
}
