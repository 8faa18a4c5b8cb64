/** What the browser calls a screen. */

import { useEffect } from "react";

export function useTitle(words: string): void {
  useEffect(() => {
    document.title = `${words} · Threadline`;
  }, [words]);
}
