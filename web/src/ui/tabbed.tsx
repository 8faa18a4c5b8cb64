/** A screen with tabs, beside the conversations. */

import { type ComponentType, useEffect, useRef } from "react";
import { Link } from "wouter";
import { IconButton } from "./button.tsx";
import { Menu } from "./icons.tsx";
import { Reconnecting } from "./reconnecting.tsx";
import { useTitle } from "./title.ts";

interface Props<T extends string> {
  /** What its addresses begin with, and its element's id. */
  area: string;
  title: string;
  tabs: Record<T, { name: string; screen: ComponentType }>;
  tab: T;
  /** Shows the conversations where they are hidden; null where they are not. */
  onMenu: (() => void) | null;
}

export function Tabbed<T extends string>({ area, title, tabs, tab, onMenu }: Props<T>) {
  const { name, screen: Screen } = tabs[tab];
  useTitle(`${name} · ${title}`);
  const current = useRef<HTMLAnchorElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: again for each tab
  useEffect(() => {
    // It gives back a promise in some browsers, which is no way to clean up.
    current.current?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [tab]);
  return (
    <main id={area} tabIndex={-1} className="flex min-w-0 grow flex-col outline-none">
      <header className="relative flex h-14 shrink-0 items-center gap-1 px-2.5">
        {onMenu && (
          <IconButton label="Show conversations" onClick={onMenu}>
            <Menu className="size-5" />
          </IconButton>
        )}
        <h1 className="mx-2 text-[0.9375rem] font-semibold">{title}</h1>
        <Reconnecting />
      </header>
      <nav aria-label={title} className="gutter shrink-0 overflow-x-auto border-b border-line">
        <ul className="column flex gap-1">
          {(Object.keys(tabs) as T[]).map((one) => (
            <li key={one}>
              <Link
                ref={one === tab ? current : null}
                href={`/${area}/${one}`}
                aria-current={one === tab ? "page" : undefined}
                className="flex h-10 items-center border-b-2 border-transparent px-2.5 text-sm whitespace-nowrap text-soft hover:text-ink focus-visible:-outline-offset-2 aria-[current=page]:border-accent aria-[current=page]:font-medium aria-[current=page]:text-ink"
              >
                {tabs[one].name}
              </Link>
            </li>
          ))}
        </ul>
      </nav>
      <div className="gutter min-h-0 grow overflow-y-auto [scrollbar-gutter:stable]">
        <div key={tab} className="column space-y-10 py-8">
          <Screen />
        </div>
      </div>
    </main>
  );
}
