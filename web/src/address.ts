/** What the addresses of the page name. */

/** The id in `/chat/{id}` as the browser writes the path; null where there is none. What cannot be decoded is taken as it is. */
export function chatOf(pathname: string): string | null {
  return named(/^\/chat\/([^/]+)\/?$/, pathname);
}

/** What is in a link, `/share/{token}`, likewise. */
export function sharedBy(pathname: string): string | null {
  return named(/^\/share\/([^/]+)\/?$/, pathname);
}

function named(form: RegExp, pathname: string): string | null {
  const written = form.exec(pathname)?.[1];
  if (written === undefined) return null;
  try {
    return decodeURIComponent(written);
  } catch {
    return written;
  }
}

export const SETTINGS = ["account", "sessions", "tokens", "keys", "usage", "appearance"] as const;
export type SettingsTab = (typeof SETTINGS)[number];

export const ADMIN = ["users", "limits", "usage", "audit"] as const;
export type AdminTab = (typeof ADMIN)[number];

/** The tab in `/settings/{tab}`, the first for `/settings` itself; null for an address that is none of the settings'. */
export function tabOf<T extends string>(pathname: string, area: string, tabs: readonly T[]): T | null {
  const [first, ...rest] = pathname.replace(/\/$/, "").split("/").slice(1);
  if (first !== area || rest.length > 1) return null;
  const named = rest[0] ?? tabs[0];
  return tabs.find((tab) => tab === named) ?? null;
}

const DOORS = ["/login", "/register", "/auth/"];

/** Where to go after signing in: a place of this page alone, whatever the address was made to say. */
export function returnTo(search: string, origin: string): string {
  const wanted = new URLSearchParams(search).get("return_to") ?? "";
  if (!wanted.startsWith("/") || !URL.canParse(wanted, origin)) return "/";
  const url = new URL(wanted, origin);
  // A path with two slashes at its beginning is another site for a browser that is led there.
  const inside = url.origin === origin && !url.pathname.startsWith("//");
  const door = DOORS.some((one) => url.pathname.startsWith(one));
  return inside && !door ? url.pathname + url.search + url.hash : "/";
}

/** The address of a door (`/login`, `/register`) that leads back to a place. */
export function doorTo(door: "/login" | "/register", place: string): string {
  const back = returnTo(`?return_to=${encodeURIComponent(place)}`, "http://here");
  return back === "/" ? door : `${door}?return_to=${encodeURIComponent(back)}`;
}
