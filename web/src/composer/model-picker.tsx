/** Which model answers: its name, and the list of all once that is asked for. */

import { Suspense, useState } from "react";
import type { ModelChoice } from "../state/hooks.ts";
import { arriving } from "../ui/arriving.tsx";
import { ChevronDown } from "../ui/icons.tsx";
import { loadKit, useKit } from "../ui/kit.ts";

const load = () => import("../models/list.tsx");
const ModelList = arriving(load);

export function ModelPicker({ choice }: { choice: ModelChoice }) {
  const kit = useKit();
  const [open, setOpen] = useState(false);
  const name = choice.model?.name ?? choice.id ?? (choice.loading ? "Loading models…" : "No model");
  const close = () => setOpen(false);
  const trigger = {
    "data-testid": "model-picker",
    "data-model": choice.id ?? "",
    "aria-label": `Model: ${name}`,
    "aria-haspopup": "dialog" as const,
    onPointerEnter: () => void load().catch(() => {}),
    className:
      "flex h-9 max-w-[45%] shrink-0 items-center gap-1.5 rounded-lg px-2.5 text-sm font-medium text-ink transition-colors hover:bg-hover data-[state=open]:bg-hover",
    children: (
      <>
        <span className="truncate">{name}</span>
        <ChevronDown className="size-3.5 shrink-0 text-faint" />
      </>
    ),
  };
  const ask = () => {
    setOpen(true);
    loadKit();
  };
  if (!kit) return <button type="button" onClick={ask} {...trigger} />;
  const { Popover } = kit;
  return (
    <Popover.Root open={open} onOpenChange={setOpen}>
      <Popover.Trigger {...trigger} />
      <Popover.Portal>
        <Popover.Content
          aria-label="Choose a model"
          align="start"
          sideOffset={6}
          collisionPadding={8}
          // The list says where the focus goes.
          onOpenAutoFocus={(event) => event.preventDefault()}
          className="float-in z-50 flex max-h-[min(30rem,var(--radix-popover-content-available-height))] w-[min(26rem,calc(100vw-1rem))] flex-col rounded-2xl border border-line bg-raised p-1.5 shadow-float outline-none"
        >
          <Suspense fallback={<div aria-hidden="true" className="shimmer m-1 h-24" />}>
            <ModelList choice={choice} onClose={close} />
          </Suspense>
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}
