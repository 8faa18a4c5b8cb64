/** Stands in the place of the composer for those who only read. */

import { Link } from "wouter";
import { usePathname } from "wouter/use-browser-location";
import { TEXT_LINK } from "../account/door.tsx";
import { doorTo } from "../address.ts";
import type { Person } from "../protocol/types.ts";
import { useMe } from "../state/hooks.ts";

export default function ReadAlong({ owner }: { owner: Person | null }) {
  const { data: me } = useMe();
  const path = usePathname();
  return (
    <p
      id="composer"
      tabIndex={-1}
      data-testid="read-along"
      className="column border-t border-line pt-4 pb-2 text-center text-sm leading-6 text-soft outline-none"
    >
      You can read along. To take part, ask {owner?.name ?? "its owner"} for a link that lets you write.{" "}
      {me?.kind === "guest" && (
        <>
          <Link href={doorTo("/login", path)} className={TEXT_LINK}>
            Sign in
          </Link>{" "}
          if you have an account, or{" "}
        </>
      )}
      <Link href="/" className={TEXT_LINK}>
        {me?.kind === "guest" ? "start a chat of your own" : "Start a chat of your own"}
      </Link>
      .
    </p>
  );
}
