/** Fetches the menus and dialogs when the page is idle, or when one is first asked for; what failed is fetched when the server is back. */

import { useEffect } from "react";
import { live } from "../state/services.ts";
import { Store, useStore } from "../state/store.ts";

export type Kit = typeof import("./menu-kit.ts");

const kit = new Store<Kit | null>(null);
let loading: Promise<void> | null = null;

export function loadKit(): void {
  if (loading) return;
  loading = import("./menu-kit.ts").then(kit.set, () => {
    loading = null;
    const unwatch = live.watch(() => {
      if (!live.connected) return;
      unwatch();
      loadKit();
    });
  });
}

/** The kit, or null until it is there; what waits for it shows a plain button meanwhile. */
export function useKit(): Kit | null {
  useEffect(() => {
    const timer = setTimeout(loadKit, 300);
    return () => clearTimeout(timer);
  }, []);
  return useStore(kit);
}
