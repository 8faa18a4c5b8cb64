/** Keys that are meant for the page, and those that are not. */

/** Whether an input method takes this key, as to end a composition; some tell so only by the code 229. */
export function composes(event: Pick<KeyboardEvent, "isComposing" | "keyCode">): boolean {
  return event.isComposing || event.keyCode === 229;
}
