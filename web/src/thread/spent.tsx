/** What an answer took, in a quiet line under it; all of it once that is asked for. */

import { useState } from "react";
import type { Message } from "../protocol/types.ts";
import { loadKit, useKit } from "../ui/kit.ts";
import { briefly, cutWords, figures, modelOf } from "./figures.ts";

export function Spent({ message }: { message: Message }) {
  const kit = useKit();
  const [open, setOpen] = useState(false);
  const words = [modelOf(message), ...briefly(message)].filter(Boolean);
  if (words.length === 0) return null;
  const line = {
    "data-testid": "spent",
    className:
      "ml-1.5 min-w-0 truncate rounded-md px-1 text-xs leading-6 text-faint hover:text-ink touch:leading-10 data-[state=open]:text-ink",
    children: words.join(" · "),
  };
  const ask = () => {
    loadKit();
    setOpen(true);
  };
  if (!kit) return <button type="button" aria-haspopup="dialog" onClick={ask} {...line} />;
  const { Popover } = kit;
  return (
    <Popover.Root open={open} onOpenChange={setOpen}>
      <Popover.Trigger {...line} />
      <Popover.Portal>
        <Popover.Content
          aria-label="What this answer took"
          align="start"
          sideOffset={4}
          collisionPadding={8}
          className="float-in z-50 max-w-[calc(100vw-1rem)] rounded-xl border border-line bg-raised px-4 py-3 text-[0.8125rem] shadow-float outline-none"
        >
          <dl className="grid grid-cols-[auto_auto] gap-x-6 gap-y-1">
            {figures(message).map(([name, value]) => (
              <div key={name} className="contents">
                <dt className="text-faint">{name}</dt>
                <dd className="break-all tabular-nums">{value}</dd>
              </div>
            ))}
          </dl>
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}

/** Said where an answer ended before it was whole. */
export function Cut({ message }: { message: Message }) {
  const words = cutWords(message);
  return (
    words && (
      <p data-testid="cut" className="mt-3 text-sm text-warn">
        {words}
      </p>
    )
  );
}
