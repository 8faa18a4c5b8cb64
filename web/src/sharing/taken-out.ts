/** Takes one out of a list at once, and puts it back where the server does not agree. */

import type { QueryKey } from "@tanstack/react-query";
import type { Page } from "../protocol/types.ts";
import { queries } from "../state/services.ts";

export async function takenOut<T>(queryKey: QueryKey, gone: (item: T) => boolean, ask: () => Promise<void>) {
  // A read under way would bring it back.
  await queries.cancelQueries({ queryKey });
  const before = queries.getQueryData<Page<T>>(queryKey);
  queries.setQueryData<Page<T>>(
    queryKey,
    (page) => page && { ...page, items: page.items.filter((item) => !gone(item)) },
  );
  try {
    await ask();
  } catch (error) {
    queries.setQueryData(queryKey, before);
    throw error;
  }
  void queries.invalidateQueries({ queryKey: ["sharing"] });
}
