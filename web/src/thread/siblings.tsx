/** Arrows between the versions of a message. */

import type { Node } from "../state/tree.ts";
import { choose } from "../state/turns.ts";
import { IconButton } from "../ui/button.tsx";
import { ChevronLeft, ChevronRight } from "../ui/icons.tsx";

export function Siblings({ conversation, node }: { conversation: string; node: Node }) {
  const { siblings, index } = node;
  if (siblings.length < 2) return null;
  const go = (to: number) => () => void choose(conversation, siblings[to]!);
  return (
    <div role="group" aria-label="Versions" className="flex items-center">
      <IconButton
        data-testid="sibling-prev"
        size="small"
        label="Previous version"
        disabled={index === 0}
        onClick={go(index - 1)}
      >
        <ChevronLeft />
      </IconButton>
      <span data-testid="sibling-count" className="px-0.5 text-xs text-faint tabular-nums">
        {index + 1}/{siblings.length}
      </span>
      <IconButton
        data-testid="sibling-next"
        size="small"
        label="Next version"
        disabled={index === siblings.length - 1}
        onClick={go(index + 1)}
      >
        <ChevronRight />
      </IconButton>
    </div>
  );
}
