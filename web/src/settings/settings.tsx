/** The settings: one screen with a tab for each kind of what is a user's own. */

import { type ComponentType, useEffect, useRef } from "react";
import { Link } from "wouter";
import { SETTINGS, type SettingsTab } from "../address.ts";
import { IconButton } from "../ui/button.tsx";
import { Menu } from "../ui/icons.tsx";
import { Reconnecting } from "../ui/reconnecting.tsx";
import { useTitle } from "../ui/title.ts";
import { AccountSettings } from "./account.tsx";
import { Appearance } from "./appearance.tsx";
import { Keys } from "./keys.tsx";
import { Sessions } from "./sessions.tsx";
import { Tokens } from "./tokens.tsx";
import { UsageOfMine } from "./usage.tsx";

const TABS: Record<SettingsTab, { name: string; screen: ComponentType }> = {
  account: { name: "Account", screen: AccountSettings },
  sessions: { name: "Sessions", screen: Sessions },
  tokens: { name: "Access tokens", screen: Tokens },
  keys: { name: "Keys", screen: Keys },
  usage: { name: "Usage", screen: UsageOfMine },
  appearance: { name: "Appearance", screen: Appearance },
};

interface Props {
  tab: SettingsTab;
  /** Shows the conversations where they are hidden; null where they are not. */
  onMenu: (() => void) | null;
}

export default function Settings({ tab, onMenu }: Props) {
  const { name, screen: Screen } = TABS[tab];
  useTitle(`${name} · Settings`);
  const current = useRef<HTMLAnchorElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: again for each tab
  useEffect(() => {
    // It gives back a promise in some browsers, which is no way to clean up.
    current.current?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [tab]);
  return (
    <main id="settings" tabIndex={-1} className="flex min-w-0 grow flex-col outline-none">
      <header className="relative flex h-14 shrink-0 items-center gap-1 px-2.5">
        {onMenu && (
          <IconButton label="Show conversations" onClick={onMenu}>
            <Menu className="size-5" />
          </IconButton>
        )}
        <h1 className="mx-2 text-[0.9375rem] font-semibold">Settings</h1>
        <Reconnecting />
      </header>
      <nav aria-label="Settings" className="gutter shrink-0 overflow-x-auto border-b border-line">
        <ul className="column flex gap-1">
          {SETTINGS.map((one) => (
            <li key={one}>
              <Link
                ref={one === tab ? current : null}
                href={`/settings/${one}`}
                aria-current={one === tab ? "page" : undefined}
                className="flex h-10 items-center border-b-2 border-transparent px-2.5 text-sm whitespace-nowrap text-soft hover:text-ink focus-visible:-outline-offset-2 aria-[current=page]:border-accent aria-[current=page]:font-medium aria-[current=page]:text-ink"
              >
                {TABS[one].name}
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
