/** The models that one likes. */

import type { ModelList } from "../protocol/types.ts";
import { keys } from "../state/cache.ts";
import { api, queries } from "../state/services.ts";

/** Like a model or no more: shown at once, and taken back where the server refuses. Rejects with the reason. */
export async function favour(id: string, favourite: boolean): Promise<void> {
  mark(id, favourite);
  try {
    await api.favour(id, favourite);
  } catch (error) {
    mark(id, !favourite);
    throw error;
  }
}

function mark(id: string, favourite: boolean): void {
  queries.setQueryData<ModelList>(
    keys.models,
    (list) =>
      list && { ...list, items: list.items.map((item) => (item.id === id ? { ...item, favourite } : item)) },
  );
}
