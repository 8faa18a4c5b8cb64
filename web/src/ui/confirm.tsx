/** Asks before something is done that cannot be undone. */

import { type ReactNode, useState } from "react";
import { wordsOf } from "../protocol/api.ts";
import { Button } from "./button.tsx";
import { useKit } from "./kit.ts";

interface Props {
  title: string;
  words: ReactNode;
  /** What is done, and what leaving it is called. */
  action: string;
  keep?: string;
  /** More to fill in before it is done. */
  children?: ReactNode;
  run(): Promise<void>;
  onDone(): void;
  /** Where the focus goes; else back to what opened it. */
  onClosed?: (() => void) | undefined;
}

export function Confirm({ title, words, action, keep = "Keep it", children, run, onDone, onClosed }: Props) {
  const kit = useKit();
  const [error, setError] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const act = async () => {
    setBusy(true);
    try {
      await run();
      onDone();
    } catch (failure) {
      setError(wordsOf(failure));
    } finally {
      setBusy(false);
    }
  };
  if (!kit) return null;
  const { AlertDialog } = kit;
  return (
    <AlertDialog.Root open onOpenChange={(open) => open || onDone()}>
      <AlertDialog.Portal>
        <AlertDialog.Overlay className="float-in fixed inset-0 z-[60] bg-black/40" />
        <AlertDialog.Content
          onCloseAutoFocus={onClosed && instead(onClosed)}
          className="fade-in fixed inset-x-0 top-[28dvh] z-[61] mx-auto max-h-[70dvh] w-[min(26rem,calc(100vw-2rem))] overflow-y-auto rounded-2xl border border-line bg-raised p-5 shadow-float"
        >
          <AlertDialog.Title className="text-base font-semibold">{title}</AlertDialog.Title>
          <AlertDialog.Description className="mt-2 text-sm leading-relaxed text-soft">
            {words}
          </AlertDialog.Description>
          {children}
          {error && (
            <p role="alert" className="mt-3 text-sm text-danger">
              {error}
            </p>
          )}
          <div className="mt-5 flex justify-end gap-2">
            <AlertDialog.Cancel asChild>
              <Button>{keep}</Button>
            </AlertDialog.Cancel>
            <Button look="danger" disabled={busy} onClick={() => void act()}>
              {action}
            </Button>
          </div>
        </AlertDialog.Content>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  );
}

/** Answers an event in place of what would come of it else. */
function instead(then: () => void): (event: Event) => void {
  return (event) => {
    event.preventDefault();
    then();
  };
}
