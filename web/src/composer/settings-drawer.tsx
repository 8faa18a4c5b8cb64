/** The settings of answers: for the whole conversation, or for the next message alone. */

import { type FormEvent, useState } from "react";
import { wordsOf } from "../protocol/api.ts";
import { type AnswerSettings, EFFORTS, type Effort, type Model } from "../protocol/types.ts";
import { chooseAlways, chooseOnce, NEW } from "../state/choices.ts";
import { Button, IconButton } from "../ui/button.tsx";
import { Select } from "../ui/field.tsx";
import { Close } from "../ui/icons.tsx";
import { useKit } from "../ui/kit.ts";
import { NumberSetting, SystemPrompt } from "./setting-fields.tsx";
import { differences, overrides, reduced, SERVERS } from "./settings.ts";

interface Props {
  place: string;
  /** It is another's: one chooses for one's own messages alone. */
  shared: boolean;
  model: Model | null;
  defaults: AnswerSettings;
  once: AnswerSettings;
  onClose(): void;
}

export default function SettingsDrawer(props: Props) {
  const kit = useKit();
  if (!kit) return null;
  const { Dialog } = kit;
  return (
    <Dialog.Root open onOpenChange={(open) => open || props.onClose()}>
      <Dialog.Portal>
        <Dialog.Overlay className="float-in fixed inset-0 z-40 bg-black/40" />
        <Dialog.Content className="fade-in fixed inset-y-0 right-0 z-50 flex w-[min(24rem,100vw)] flex-col border-l border-line bg-paper shadow-float outline-none">
          <header className="flex items-start gap-2 px-5 pt-4 pb-3">
            <div className="grow">
              <Dialog.Title className="text-base font-semibold">Answer settings</Dialog.Title>
              <Dialog.Description className="mt-1 text-sm leading-6 text-soft">
                What you leave empty is as the server has it.
              </Dialog.Description>
            </div>
            <Dialog.Close asChild>
              <IconButton label="Close the answer settings">
                <Close className="size-5" />
              </IconButton>
            </Dialog.Close>
          </header>
          <Form {...props} />
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

/** What the button says that asks for the next message alone. */
const ONCE = "once";

function Form({ place, shared, model, defaults, once, onClose }: Props) {
  const [wanted, setWanted] = useState<AnswerSettings>({ ...defaults, ...once });
  const [failure, setFailure] = useState<string | null>(null);
  const set = (fields: AnswerSettings) => setWanted((old) => ({ ...old, ...fields }));
  const changed = differences(wanted);
  const always = () => {
    chooseAlways(place, reduced(wanted)).then(onClose, (error: unknown) => setFailure(wordsOf(error)));
  };
  const forNext = () => {
    chooseOnce(place, overrides(defaults, wanted));
    onClose();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const { submitter } = event.nativeEvent as SubmitEvent;
    if (shared || submitter?.getAttribute("value") === ONCE) forNext();
    else always();
  };
  return (
    <form onSubmit={submit} className="flex min-h-0 grow flex-col">
      <div className="min-h-0 grow overflow-y-auto px-5 pb-4">
        <p
          role="status"
          data-testid="settings-changed"
          className="mb-4 min-h-10 text-[0.8125rem] leading-5 text-accent"
        >
          {changed.length > 0 ? `Differs from the server: ${changed.join(", ")}.` : ""}
        </p>
        <Fields wanted={wanted} model={model} set={set} />
      </div>
      <footer className="border-t border-line px-5 py-3">
        <p role="alert" className="text-sm text-danger">
          {failure}
        </p>
        <div className="flex flex-wrap gap-2">
          {!shared && <Keep />}
          <Button type="submit" value={ONCE}>
            {place === NEW ? "For the first message" : "For the next message"}
          </Button>
          <Button className="ml-auto" disabled={changed.length === 0} onClick={() => setWanted({})}>
            Reset
          </Button>
        </div>
      </footer>
    </form>
  );
}

function Keep() {
  return (
    <Button type="submit" look="primary">
      Keep for this chat
    </Button>
  );
}

interface FieldsProps {
  wanted: AnswerSettings;
  model: Model | null;
  set(fields: AnswerSettings): void;
}

function Fields({ wanted, model, set }: FieldsProps) {
  return (
    <>
      <NumberSetting
        label="Max tokens"
        hint="So long an answer may be, its reasoning included."
        value={wanted.max_tokens}
        servers={SERVERS.max_tokens}
        range={{ min: 1, max: model?.output_limit ?? 1_000_000, step: 1 }}
        onChange={(max_tokens) => set({ max_tokens })}
      />
      <NumberSetting
        label="Temperature"
        hint="From 0, the most likely words, to 2."
        value={wanted.temperature}
        servers={SERVERS.temperature}
        range={{ min: 0, max: 2, step: "any" }}
        onChange={(temperature) => set({ temperature })}
      />
      <Choices wanted={wanted} model={model} set={set} />
      <SystemPrompt value={wanted.system ?? ""} onChange={(system) => set({ system: system || null })} />
    </>
  );
}

function Choices({ wanted, model, set }: FieldsProps) {
  const { tools, reasoning, search } = model?.capabilities ?? {};
  return (
    <>
      {reasoning && (
        <Select
          label="Reasoning effort"
          value={wanted.reasoning_effort ?? ""}
          onChange={({ target }) => set({ reasoning_effort: (target.value || null) as Effort | null })}
          hint="How long it thinks before it answers."
        >
          <option value="">As the model has it</option>
          {EFFORTS.map((effort) => (
            <option key={effort}>{effort}</option>
          ))}
        </Select>
      )}
      {tools !== false && (
        <Select
          label="Tools"
          value={wanted.tools == null ? "" : wanted.tools ? "on" : "off"}
          onChange={({ target }) => set({ tools: target.value === "" ? null : target.value === "on" })}
          hint="Whether it may use the server’s tools."
        >
          <option value="">As the server has it</option>
          <option value="on">On</option>
          <option value="off">Off</option>
        </Select>
      )}
      {search && (
        <Select
          label="Web search"
          value={wanted.web_search ? "on" : "off"}
          onChange={({ target }) => set({ web_search: target.value === "on" })}
          hint="Its provider searches; what it finds are sources of the answer."
        >
          <option value="off">Off</option>
          <option value="on">On</option>
        </Select>
      )}
    </>
  );
}
