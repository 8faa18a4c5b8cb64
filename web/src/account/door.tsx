/** The frame of the screens by which one comes in. */

import { type ReactNode, useEffect, useRef } from "react";
import { Mark } from "../ui/icons.tsx";

export function Door({ title, lead, children }: { title: string; lead: ReactNode; children: ReactNode }) {
  const heading = useRef<HTMLHeadingElement>(null);
  // Whoever came by a link hears where they are, and goes on from there.
  useEffect(() => heading.current?.focus(), []);
  return (
    <main className="h-dvh overflow-y-auto">
      <div className="mx-auto flex min-h-full w-full max-w-[25rem] flex-col justify-center px-5 py-10">
        <Mark className="size-9" />
        <h1 ref={heading} tabIndex={-1} className="mt-5 outline-none text-2xl font-semibold tracking-tight">
          {title}
        </h1>
        <div className="mt-2 min-h-12 text-sm leading-6 text-soft">{lead}</div>
        <div className="mt-5">{children}</div>
      </div>
    </main>
  );
}

/** The look of a link that is a way on. */
export const WAY =
  "flex h-10 w-full items-center justify-center rounded-lg border border-line bg-raised text-sm font-medium transition-colors hover:border-thread hover:bg-hover";

export const TEXT_LINK = "rounded font-medium text-accent underline underline-offset-2 hover:no-underline";
