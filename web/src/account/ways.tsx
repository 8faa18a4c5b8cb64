/** The ways to come in that this server has: its providers' buttons, and a form for a password. */

import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { returnTo } from "../address.ts";
import { wordsOf } from "../protocol/api.ts";
import { Button } from "../ui/button.tsx";
import { WAY } from "./door.tsx";
import { account, providerLogin, type Ways } from "./requests.ts";

/** Where one goes from here, as the address says. */
export function placeAfter(): string {
  return returnTo(location.search, location.origin);
}

export function useWays() {
  return useQuery({ queryKey: ["account", "ways"], queryFn: account.ways });
}

interface Props {
  /** Where one goes afterwards. */
  place: string;
  /** What stands on a provider's button, before its name. */
  verb: string;
  /** Whether the form has a use here. */
  open(ways: Ways): boolean;
  children: ReactNode;
}

export function WaysIn({ place, verb, open, children }: Props) {
  const ways = useWays();
  if (ways.isError) {
    return (
      <div role="alert" className="space-y-3 text-sm text-soft">
        <p>{wordsOf(ways.error)}</p>
        <Button onClick={() => void ways.refetch()}>Try again</Button>
      </div>
    );
  }
  if (!ways.data) return <Waiting />;
  const { items } = ways.data;
  const form = open(ways.data);
  return (
    <>
      {form && children}
      {form && items.length > 0 && (
        <div className="my-4 flex items-center gap-3 text-xs text-faint before:h-px before:grow before:bg-line after:h-px after:grow after:bg-line">
          or
        </div>
      )}
      <ul className="space-y-2">
        {items.map(({ name, title }) => (
          <li key={name}>
            <a data-testid="provider" href={providerLogin(name, place)} className={WAY}>
              {verb} {title}
            </a>
          </li>
        ))}
      </ul>
      {!form && items.length === 0 && (
        <p className="text-sm text-soft">This server has no way to do that. Ask whoever runs it.</p>
      )}
    </>
  );
}

/** As high as the form that comes, so that nothing moves. */
function Waiting() {
  return (
    <div role="status" aria-label="Loading" className="h-72 space-y-4">
      {[0, 1, 2].map((one) => (
        <div key={one} className="shimmer h-10" />
      ))}
    </div>
  );
}
