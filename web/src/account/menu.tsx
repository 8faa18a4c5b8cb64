/** The account's menu at the foot of the conversations: who one is, and where to go with that. */

import { useState } from "react";
import { Link, useLocation } from "wouter";
import { usePathname } from "wouter/use-browser-location";
import { doorTo } from "../address.ts";
import type { Me } from "../protocol/types.ts";
import { useMe } from "../state/hooks.ts";
import { ChevronDown } from "../ui/icons.tsx";
import { type Kit, loadKit, useKit } from "../ui/kit.ts";
import { SignOut } from "./sign-out.tsx";

const ENTRY =
  "flex h-9 touch:h-11 items-center rounded-md px-2.5 text-sm outline-none data-[highlighted]:bg-hover select-none";

export function nameOf(me: Me | undefined): string {
  if (!me) return "";
  return me.kind === "guest" ? "Guest" : (me.name ?? me.email ?? "Your account");
}

/** `onLeave`: a place was chosen; a drawer closes then. */
export function AccountMenu({ onLeave }: { onLeave?: (() => void) | undefined }) {
  const { data: me } = useMe();
  const kit = useKit();
  const path = usePathname();
  const [wanted, setWanted] = useState(false);
  const [leaving, setLeaving] = useState(false);
  const name = nameOf(me);
  const trigger = {
    "data-testid": "account-menu",
    "aria-haspopup": "menu" as const,
    className:
      "flex h-10 min-w-0 items-center gap-2.5 rounded-lg px-1.5 text-left hover:bg-hover data-[state=open]:bg-hover",
    children: <Badge name={name} />,
  };
  const ask = () => {
    setWanted(true);
    loadKit();
  };
  return (
    <>
      <div className="flex min-w-0 grow items-center gap-2">
        {kit && me ? (
          <kit.DropdownMenu.Root modal={false} defaultOpen={wanted}>
            <kit.DropdownMenu.Trigger {...trigger} />
            <Entries kit={kit} me={me} path={path} onLeave={onLeave} onSignOut={() => setLeaving(true)} />
          </kit.DropdownMenu.Root>
        ) : (
          <button type="button" onClick={ask} {...trigger} />
        )}
        {me?.kind === "guest" && (
          <Link
            href={doorTo("/login", path)}
            data-testid="sign-in"
            onClick={onLeave}
            className="ml-auto shrink-0 rounded-lg px-2 py-1.5 text-[0.8125rem] font-medium text-accent hover:bg-hover touch:py-2.5"
          >
            Sign in
          </Link>
        )}
      </div>
      {leaving && <SignOut onDone={() => setLeaving(false)} />}
    </>
  );
}

function Badge({ name }: { name: string }) {
  return (
    <>
      <span
        aria-hidden="true"
        className="grid size-7 shrink-0 place-items-center rounded-full bg-accent-soft text-xs font-semibold text-accent"
      >
        {(name || "·").slice(0, 1).toUpperCase()}
      </span>
      <span className="min-w-0 truncate text-sm text-soft">
        <span className="sr-only">Account: </span>
        {name}
      </span>
      <ChevronDown className="size-3.5 shrink-0 rotate-180 text-faint" />
    </>
  );
}

interface EntriesProps {
  kit: Kit;
  me: Me;
  path: string;
  onLeave: (() => void) | undefined;
  onSignOut(): void;
}

function Entries({ kit: { DropdownMenu }, me, path, onLeave, onSignOut }: EntriesProps) {
  const [, navigate] = useLocation();
  const guest = me.kind === "guest";
  const go = (place: string, words: string) => (
    <DropdownMenu.Item
      className={ENTRY}
      onSelect={() => {
        navigate(place);
        onLeave?.();
      }}
    >
      {words}
    </DropdownMenu.Item>
  );
  return (
    <DropdownMenu.Portal>
      <DropdownMenu.Content
        align="start"
        side="top"
        sideOffset={6}
        collisionPadding={8}
        className="float-in z-[60] max-w-[calc(100vw-1rem)] min-w-60 rounded-xl border border-line bg-raised p-1 shadow-float"
      >
        <DropdownMenu.Label className="truncate px-2.5 pt-2 pb-1.5 text-xs text-faint">
          {guest ? "You are here as a guest" : (me.email ?? nameOf(me))}
        </DropdownMenu.Label>
        {guest && go(doorTo("/register", path), "Keep your chats: register")}
        {guest && go(doorTo("/login", path), "Sign in")}
        {go("/settings", "Settings")}
        {me.role === "admin" && go("/admin", "Administration")}
        {!guest && (
          <DropdownMenu.Item className={ENTRY} onSelect={onSignOut}>
            Sign out
          </DropdownMenu.Item>
        )}
      </DropdownMenu.Content>
    </DropdownMenu.Portal>
  );
}
