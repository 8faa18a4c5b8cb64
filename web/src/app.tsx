/** The frame of the page: conversations beside the one that is open. */

import { type ComponentType, Suspense, useEffect, useState } from "react";
import { useLocation } from "wouter";
import { usePathname } from "wouter/use-browser-location";
import { Ended } from "./account/ended.tsx";
import { ADMIN, chatOf, SETTINGS, sharedBy, tabOf } from "./address.ts";
import { Chat } from "./chat.tsx";
import { Sidebar } from "./sidebar/sidebar.tsx";
import { lastDeleted } from "./state/hear.ts";
import { useMe } from "./state/hooks.ts";
import { noGuests } from "./state/services.ts";
import { keep, recall, useStore } from "./state/store.ts";
import { arriving } from "./ui/arriving.tsx";
import { loadKit, useKit } from "./ui/kit.ts";

function useMedia(query: string): boolean {
  const [matches, setMatches] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const media = matchMedia(query);
    const changed = () => setMatches(media.matches);
    changed();
    media.addEventListener("change", changed);
    return () => media.removeEventListener("change", changed);
  }, [query]);
  return matches;
}

function Drawer({
  open,
  onOpenChange,
  active,
}: {
  open: boolean;
  onOpenChange(open: boolean): void;
  active: string | null;
}) {
  const kit = useKit();
  if (!kit) return null;
  const { Dialog } = kit;
  return (
    <Dialog.Root open={open} onOpenChange={onOpenChange}>
      <Dialog.Portal>
        <Dialog.Overlay className="float-in fixed inset-0 z-40 bg-black/40" />
        <Dialog.Content
          aria-describedby={undefined}
          onEscapeKeyDown={(event) => takesEscape(event.target) && event.preventDefault()}
          className="slide-in fixed inset-y-0 left-0 z-50 w-[min(20rem,86vw)] bg-side shadow-float focus:outline-none"
        >
          <Dialog.Title className="sr-only">Conversations</Dialog.Title>
          <Sidebar active={active} onHide={() => onOpenChange(false)} onLeave={() => onOpenChange(false)} />
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

/** A field that is being written in has the first Escape for itself: a rename, a search that is not empty. */
function takesEscape(target: EventTarget | null): boolean {
  return target instanceof HTMLInputElement && (target.type !== "search" || target.value !== "");
}

/** Leave a conversation that was deleted, here or in another tab; begin a new one with Ctrl + Shift + O. */
function useLeaving(active: string | null): void {
  const [, navigate] = useLocation();
  const deleted = useStore(lastDeleted);
  useEffect(() => {
    if (deleted !== null && deleted === active) navigate("/", { replace: true });
  }, [deleted, active, navigate]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (!(event.metaKey || event.ctrlKey) || !event.shiftKey || event.key.toLowerCase() !== "o") return;
      event.preventDefault();
      navigate("/");
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [navigate]);
}

const Login = arriving(() => import("./account/login.tsx"));
const Arrival = arriving(() => import("./sharing/arrival.tsx"));
const Settings = arriving(() => import("./settings/settings.tsx"));
const Administration = arriving(() => import("./admin/admin.tsx"));

/** The screens that stand alone. */
const DOORS: Record<string, ComponentType> = {
  "/login": () => <Login />,
  "/register": arriving(() => import("./account/register.tsx")),
  "/auth/error": arriving(() => import("./account/failure.tsx")),
};

export function App() {
  const path = usePathname();
  const closed = useStore(noGuests);
  const Alone = DOORS[path];
  const token = sharedBy(path);
  return (
    <Suspense fallback={<Fetching />}>
      {Alone ? (
        <Alone />
      ) : closed ? (
        <Login place={path} />
      ) : token !== null ? (
        <Arrival key={token} token={token} />
      ) : (
        <Frame />
      )}
      <Ended />
    </Suspense>
  );
}

/** Nothing yet, for the short time that a screen takes to come. */
function Fetching() {
  return (
    <main aria-busy="true" className="grow">
      <span className="sr-only" role="status">
        Loading
      </span>
    </main>
  );
}

function Frame() {
  // Not by the router, which decodes a part of the path before it is matched.
  const path = usePathname();
  const active = chatOf(path);
  const wide = useMedia("(min-width: 50rem)");
  const [shown, setShown] = useState(() => recall("sidebar") !== "hidden");
  const [drawer, setDrawer] = useState(false);
  useLeaving(active);

  const show = (visible: boolean) => {
    setShown(visible);
    keep("sidebar", visible ? null : "hidden");
  };
  const openMenu = () => {
    loadKit();
    if (wide) show(true);
    else setDrawer(true);
  };
  const onMenu = wide && shown ? null : openMenu;
  const area = useArea()?.name ?? "";
  return (
    <div className="flex h-dvh">
      <a
        href={area in SKIPS ? `#${area}` : "#composer"}
        className="sr-only z-50 rounded-lg bg-raised px-3 py-2 focus:not-sr-only focus:fixed focus:top-2 focus:left-2"
      >
        {SKIPS[area] ?? "Skip to the message field"}
      </a>
      {wide && shown && (
        <aside aria-label="Conversations" className="w-[17.5rem] shrink-0 border-r border-line bg-side">
          <Sidebar active={active} onHide={() => show(false)} />
        </aside>
      )}
      {!wide && <Drawer open={drawer} onOpenChange={setDrawer} active={active} />}
      <Suspense fallback={<Fetching />}>
        <Screen onMenu={onMenu} />
      </Suspense>
    </div>
  );
}

/** The screen of an area with tabs; null where the address is none of theirs, or not for everybody. */
function useArea() {
  const { data: me } = useMe();
  const path = usePathname();
  const admin = tabOf(path, "admin", ADMIN);
  const settings = tabOf(path, "settings", SETTINGS);
  if (settings) return { name: "settings", tab: settings } as const;
  if (!admin || (me && me.role !== "admin")) return null;
  // Who it is decides whether there is anything.
  return me ? ({ name: "admin", tab: admin } as const) : ({ name: "nothing yet" } as const);
}

function Screen({ onMenu }: { onMenu: (() => void) | null }) {
  const path = usePathname();
  const area = useArea();
  const active = chatOf(path);
  switch (area?.name) {
    case "settings":
      return <Settings tab={area.tab} onMenu={onMenu} />;
    case "admin":
      return <Administration tab={area.tab} onMenu={onMenu} />;
    case "nothing yet":
      return <Fetching />;
    default:
      return <Chat id={active} unknownPath={active === null && path !== "/"} onMenu={onMenu} />;
  }
}

/** By the name of an area: how those who go by keys skip to it. */
const SKIPS: Record<string, string> = {
  settings: "Skip to the settings",
  admin: "Skip to administration",
};
