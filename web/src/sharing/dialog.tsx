/** Shares a conversation: who may come, by which links, and who is in. */

import { useId } from "react";
import { Section } from "../settings/section.tsx";
import { useConversation } from "../state/hooks.ts";
import { IconButton } from "../ui/button.tsx";
import { Close } from "../ui/icons.tsx";
import { useKit } from "../ui/kit.ts";
import { Links } from "./links.tsx";
import { NewLink } from "./new-link.tsx";
import { PeopleInside } from "./people.tsx";
import { VisibilityChoice } from "./visibility.tsx";

interface Props {
  id: string;
  onDone(): void;
  /** The focus has to go somewhere: it was lost with the dialog. */
  onClosed(): void;
}

export default function ShareDialog({ id, onDone, onClosed }: Props) {
  const kit = useKit();
  const { data } = useConversation(id);
  const lead = useId();
  if (!kit || !data) return null;
  const { Dialog } = kit;
  const closed = (event: Event) => {
    event.preventDefault();
    onClosed();
  };
  return (
    <Dialog.Root open onOpenChange={(open) => open || onDone()}>
      <Dialog.Portal>
        <Dialog.Overlay className="float-in fixed inset-0 z-[60] bg-black/40" />
        <Dialog.Content
          data-testid="share-dialog"
          aria-describedby={lead}
          onCloseAutoFocus={closed}
          className="fade-in fixed inset-x-0 top-[5dvh] z-[61] mx-auto max-h-[90dvh] w-[min(36rem,calc(100vw-1rem))] overflow-y-auto rounded-2xl border border-line bg-paper p-5 shadow-float"
        >
          <header className="flex items-start gap-3">
            <div className="min-w-0 grow">
              <Dialog.Title className="text-base font-semibold">Share this conversation</Dialog.Title>
              <p id={lead} className="mt-1 text-sm leading-6 break-words text-soft">
                Others see all of “{data.title || "New chat"}”, live, and never your settings or keys.
              </p>
            </div>
            <Dialog.Close asChild>
              <IconButton label="Close">
                <Close />
              </IconButton>
            </Dialog.Close>
          </header>
          <div className="mt-5 space-y-8">
            <VisibilityChoice conversation={data} />
            <Section title="New link">
              <NewLink id={id} />
            </Section>
            <Section title="Links">
              <Links id={id} />
            </Section>
            <Section title="People">
              <PeopleInside id={id} />
            </Section>
          </div>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
