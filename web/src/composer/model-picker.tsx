/** Which model answers: grouped by provider, those that cannot be used shown with the reason. */

import { type KeyboardEvent, useEffect, useRef, useState } from "react";
import type { Model } from "../protocol/types.ts";
import type { ModelChoice } from "../state/hooks.ts";
import { Check, ChevronDown } from "../ui/icons.tsx";
import { composes } from "../ui/keys.ts";
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
      "flex h-9 max-w-[45%] shrink-0 items-center gap-1.5 rounded-lg px-2.5 text-sm font-medium text-ink transition-colors hover:bg-hover data-[state=open]:bg-hover",
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
  return (
    <DropdownMenu.Portal>
      <DropdownMenu.Content
        align="start"
        sideOffset={6}
        collisionPadding={8}
        className="float-in z-50 max-h-[min(26rem,70dvh)] w-[min(22rem,calc(100vw-1rem))] overflow-y-auto rounded-2xl border border-line bg-raised p-1.5 shadow-float"
      >
        <Models kit={kit} choice={choice} />
      </DropdownMenu.Content>
    </DropdownMenu.Portal>
  );
}

function Models({ kit, choice }: { kit: Kit; choice: ModelChoice }) {
  const { DropdownMenu } = kit;
  const [filter, setFilter] = useState("");
  const shown = choice.models.filter((model) => matches(model, filter));
  const groups = byProvider(shown);
  const onlyDemo = !choice.loading && choice.models.every(({ provider }) => provider === "demo");
  return (
    <>
      {choice.models.length > MANY && <Filter value={filter} onChange={setFilter} />}
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
      {choice.models.length > 0 && shown.length === 0 && (
        <p role="status" className="px-2.5 py-3 text-sm text-soft">
          No model is called “{filter}”.
        </p>
      )}
      {onlyDemo && (
        <p className="mt-1 border-t border-line px-2.5 pt-2.5 pb-1.5 text-xs text-faint">
          Add a model: see Settings in the documentation.
        </p>
      )}
    </>
  );
}

/** From so many models on, a field to filter them helps. */
const MANY = 12;

/** Every word of the filter is in the model's name, its id or its provider's name. */
export function matches({ id, name, provider_name }: Model, filter: string): boolean {
  const all = `${name} ${id} ${provider_name}`.toLowerCase();
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => all.includes(word));
}

function Filter({ value, onChange }: { value: string; onChange(value: string): void }) {
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    // Behind the menu, which takes the focus for itself when it opens. Not for fingers: a keyboard would cover the list.
    if (!matchMedia("(hover: hover)").matches) return;
    const frame = requestAnimationFrame(() => field.current?.focus());
    return () => cancelAnimationFrame(frame);
  }, []);
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.key === "Escape" || event.key === "Tab") return;
    // Else the menu would look for an entry that begins with this letter.
    event.stopPropagation();
    if (composes(event.nativeEvent)) return;
    const first = event.currentTarget.closest("[role=menu]")?.querySelector<HTMLElement>(FIRST);
    if (event.key === "ArrowDown") first?.focus();
    if (event.key === "Enter") first?.click();
    if (event.key === "ArrowDown" || event.key === "Enter") event.preventDefault();
  };
  return (
    <input
      ref={field}
      type="search"
      data-testid="model-filter"
      aria-label="Filter the models"
      placeholder="Filter models"
      value={value}
      onChange={(event) => onChange(event.target.value)}
      onKeyDown={onKeyDown}
      className="sticky top-0 z-10 h-9 w-full rounded-lg border border-line bg-raised px-2.5 text-sm placeholder:text-faint touch:h-10"
    />
  );
}

const FIRST = "[role=menuitemradio]:not([data-disabled])";

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
