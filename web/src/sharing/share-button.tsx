/** The way from a conversation's header to its sharing, or whose it is. */

import { Suspense, useRef, useState } from "react";
import type { Conversation } from "../protocol/types.ts";
import { arriving } from "../ui/arriving.tsx";
import { IconButton } from "../ui/button.tsx";
import { People } from "../ui/icons.tsx";
import { loadKit } from "../ui/kit.ts";
import { sharedWords } from "./words.ts";

const load = () => import("./dialog.tsx");
export const ShareDialog = arriving(load);

export function ShareButton({ conversation }: { conversation: Conversation }) {
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const words = sharedWords(conversation);
  if (conversation.role && conversation.role !== "owner") {
    return (
      <span
        role="img"
        aria-label={words ?? ""}
        title={words ?? ""}
        className="grid size-9 shrink-0 place-items-center text-faint"
      >
        <People className="size-[1.15rem]" />
      </span>
    );
  }
  const ask = () => {
    loadKit();
    setOpen(true);
  };
  return (
    <>
      <IconButton
        ref={button}
        data-testid="share"
        label={words ? `Share. ${words}.` : "Share"}
        aria-haspopup="dialog"
        onPointerEnter={() => void load().catch(() => {})}
        onClick={ask}
        className={words ? "!text-accent" : ""}
      >
        <People className="size-[1.15rem]" />
      </IconButton>
      {open && (
        <Suspense>
          <ShareDialog
            id={conversation.id}
            onDone={() => setOpen(false)}
            onClosed={() => button.current?.focus()}
          />
        </Suspense>
      )}
    </>
  );
}
