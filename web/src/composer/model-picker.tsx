/** Which model answers: grouped by provider, those that cannot be used shown with the reason. */

import { useState } from "react";
import type { Model } from "../protocol/types.ts";
import type { ModelChoice } from "../state/hooks.ts";
import { Check, ChevronDown } from "../ui/icons.tsx";
import { type Kit, loadKit, useKit } from "../ui/kit.ts";

export function ModelPicker({ choice }: { choice: ModelChoice }) {
  const kit = useKit();
  const [wanted, setWanted] = useState(false);
  const name = choice.model?.name ?? choice.id ?? (choice.loading ? "Loading models…" : "No model");
  const trigger = {
    "data-testid": "model-picker",
    "data-model": choice.id ?? "",
    "aria-label": `Model: ${name}`,
    "aria-haspopup": "menu" as const,
    className:
      "flex h-9 min-w-0 items-center gap-1.5 rounded-lg px-2.5 text-sm font-medium text-ink transition-colors hover:bg-hover data-[state=open]:bg-hover",
    children: (
      <>
        <span className="truncate">{name}</span>
        <ChevronDown className="size-3.5 shrink-0 text-faint" />
      </>
    ),
  };
  const ask = () => {
    setWanted(true);
    loadKit();
  };
  if (!kit) return <button type="button" onClick={ask} {...trigger} />;
  return (
    <kit.DropdownMenu.Root modal={false} defaultOpen={wanted}>
      <kit.DropdownMenu.Trigger {...trigger} />
      <Menu kit={kit} choice={choice} />
    </kit.DropdownMenu.Root>
  );
}

function Menu({ kit, choice }: { kit: Kit; choice: ModelChoice }) {
  const { DropdownMenu } = kit;
  const groups = byProvider(choice.models);
  return (
    <DropdownMenu.Portal>
      <DropdownMenu.Content
        align="start"
        sideOffset={6}
        collisionPadding={8}
        className="float-in z-50 max-h-[min(26rem,70dvh)] w-[min(22rem,calc(100vw-1rem))] overflow-y-auto rounded-2xl border border-line bg-raised p-1.5 shadow-float"
      >
        <DropdownMenu.RadioGroup value={choice.id ?? ""} onValueChange={choice.choose}>
          {[...groups].map(([provider, models]) => (
            <DropdownMenu.Group key={provider}>
              <DropdownMenu.Label className="px-2.5 pt-2.5 pb-1 text-xs font-medium text-faint">
                {models[0]!.provider_name || provider}
              </DropdownMenu.Label>
              {models.map((model) => (
                <Entry key={model.id} kit={kit} model={model} />
              ))}
            </DropdownMenu.Group>
          ))}
        </DropdownMenu.RadioGroup>
        {choice.models.length === 0 && (
          <p className="px-2.5 py-3 text-sm text-soft">No models are known yet.</p>
        )}
      </DropdownMenu.Content>
    </DropdownMenu.Portal>
  );
}

function byProvider(models: readonly Model[]): Map<string, Model[]> {
  const groups = new Map<string, Model[]>();
  for (const model of models) groups.set(model.provider, [...(groups.get(model.provider) ?? []), model]);
  return groups;
}

function Entry({ kit: { DropdownMenu }, model }: { kit: Kit; model: Model }) {
  return (
    <DropdownMenu.RadioItem
      value={model.id}
      disabled={!model.available}
      data-model={model.id}
      className="flex items-start gap-2 rounded-lg px-2.5 py-1.5 text-sm outline-none select-none data-[highlighted]:bg-hover data-[disabled]:cursor-default"
    >
      <span className="grid size-5 shrink-0 place-items-center text-accent">
        <DropdownMenu.ItemIndicator>
          <Check className="size-4" />
        </DropdownMenu.ItemIndicator>
      </span>
      <span className="min-w-0 grow">
        <span className={`block truncate ${model.available ? "" : "text-faint"}`}>{model.name}</span>
        {!model.available && model.reason && (
          <span className="block text-xs leading-snug text-faint">{model.reason}</span>
        )}
      </span>
      {model.available && <span className="mt-0.5 shrink-0 text-xs text-faint">{traits(model)}</span>}
    </DropdownMenu.RadioItem>
  );
}

function traits(model: Model): string {
  const { reasoning, vision } = model.capabilities;
  const context = model.context ? sizeOf(model.context) : "";
  return [reasoning && "thinks", vision && "sees", context].filter(Boolean).join(" · ");
}

function sizeOf(tokens: number): string {
  return tokens >= 1_000_000 ? `${+(tokens / 1_000_000).toFixed(1)}M` : `${Math.round(tokens / 1000)}k`;
}
