/** Opens the settings of the next answers, and says what of them is not as the server has it. */

import { Suspense, useState } from "react";
import type { Conversation } from "../protocol/types.ts";
import { useChoices } from "../state/choices.ts";
import type { ModelChoice } from "../state/hooks.ts";
import { arriving } from "../ui/arriving.tsx";
import { IconButton } from "../ui/button.tsx";
import { Sliders } from "../ui/icons.tsx";
import { loadKit } from "../ui/kit.ts";
import { differences } from "./settings.ts";

const load = () => import("./settings-drawer.tsx");
const SettingsDrawer = arriving(load);

interface Props {
  /** A conversation's id, or `new`. */
  place: string;
  conversation: Conversation | null;
  model: ModelChoice["model"];
}

export function SettingsButton({ place, conversation, model }: Props) {
  const choices = useChoices(place, conversation);
  const [open, setOpen] = useState(false);
  const changed = differences({ ...choices.defaults, ...choices.once });
  const words = changed.length > 0 ? `Answer settings: ${changed.join(", ")}` : "Answer settings";
  const ask = () => {
    loadKit();
    setOpen(true);
  };
  return (
    <>
      <IconButton
        data-testid="answer-settings"
        label={words}
        aria-haspopup="dialog"
        aria-expanded={open}
        onPointerEnter={() => void load().catch(() => {})}
        onClick={ask}
        className="relative !size-10 !rounded-full"
      >
        <Sliders className="size-[1.15rem]" />
        {changed.length > 0 && (
          <span aria-hidden="true" className="absolute top-2 right-2 size-2 rounded-full bg-accent" />
        )}
      </IconButton>
      {open && (
        <Suspense>
          <SettingsDrawer
            place={place}
            shared={conversation?.role === "participant"}
            model={model}
            {...choices}
            onClose={() => setOpen(false)}
          />
        </Suspense>
      )}
    </>
  );
}
