/** Says why signing in by a provider failed, and what helps. */

import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { useTitle } from "../ui/title.ts";
import { Door, TEXT_LINK, WAY } from "./door.tsx";
import { account, type Failure } from "./requests.ts";

/** Where the server has no words for it. */
const UNKNOWN: Failure = {
  code: "unknown",
  title: "The sign-in did not work",
  message: "You were not signed in, and nothing was changed. Try it again, or sign in another way.",
  words: null,
  action: { label: "Sign in again", href: "/login" },
};

export default function SignInFailure() {
  const given = new URLSearchParams(location.search);
  const code = given.get("code") ?? "";
  const query = new URLSearchParams();
  for (const name of ["provider", "link"]) if (given.has(name)) query.set(name, given.get(name)!);
  const failure = useQuery({
    queryKey: ["account", "failure", code, `${query}`],
    queryFn: () => (code ? account.failure(code, `?${query}`) : UNKNOWN),
  });
  const { title, message, words, action } = failure.data ?? UNKNOWN;
  useTitle("Signing in failed");
  if (failure.isPending)
    return (
      <Door title="…" lead="">
        {null}
      </Door>
    );
  return (
    <Door title={title} lead={message}>
      {words && (
        <figure className="mb-5 rounded-xl border border-line bg-raised p-4 text-sm">
          <figcaption className="text-faint">What the provider said:</figcaption>
          <blockquote className="mt-1 break-words">{words}</blockquote>
        </figure>
      )}
      <Link href={action.href} className={WAY}>
        {action.label}
      </Link>
      {action.href !== "/" && (
        <p className="mt-4 text-sm">
          <Link href="/" className={TEXT_LINK}>
            Back to your chats
          </Link>
        </p>
      )}
    </Door>
  );
}
