/** Who may come to a conversation at all. */

import { useMutation } from "@tanstack/react-query";
import { useId } from "react";
import { wordsOf } from "../protocol/api.ts";
import type { Conversation, Visibility } from "../protocol/types.ts";
import { hear } from "../state/hear.ts";
import { queries } from "../state/services.ts";
import { Notice } from "../ui/notice.tsx";
import { Address } from "./address.tsx";
import { sharing } from "./requests.ts";
import { VISIBILITIES } from "./words.ts";

/** Shown at once, and taken back where the server does not agree. */
async function change(conversation: Conversation, visibility: Visibility): Promise<void> {
  const now = (shown: Conversation) => hear({ type: "conversation.updated", conversation: shown });
  now({ ...conversation, visibility });
  try {
    now(await sharing.show(conversation.id, visibility));
  } catch (error) {
    now(conversation);
    throw error;
  }
  await queries.invalidateQueries({ queryKey: ["sharing"] });
}

export function VisibilityChoice({ conversation }: { conversation: Conversation }) {
  const name = useId();
  const { visibility = "private" } = conversation;
  const changing = useMutation({ mutationFn: (wanted: Visibility) => change(conversation, wanted) });
  return (
    <fieldset>
      <legend className="text-base font-semibold">Who may come</legend>
      <div className="mt-3 space-y-1">
        {VISIBILITIES.map((one) => (
          <label
            key={one.visibility}
            className="flex min-h-11 items-start gap-3 rounded-lg px-2 py-1.5 text-sm hover:bg-hover"
          >
            <input
              type="radio"
              name={name}
              value={one.visibility}
              checked={visibility === one.visibility}
              onChange={() => changing.mutate(one.visibility)}
              className="mt-1 size-4 shrink-0 accent-accent"
            />
            <span>
              <span className="font-medium">{one.name}</span>
              <span className="block leading-5 text-soft">
                {one.words}
                {one.visibility === "private" &&
                  visibility !== "private" &&
                  " All other links are revoked, and who came by them is out."}
              </span>
            </span>
          </label>
        ))}
      </div>
      {visibility === "public" && (
        <Address
          label="Copy the address"
          testId="public-address"
          text={`${location.origin}/chat/${encodeURIComponent(conversation.id)}`}
        />
      )}
      <Notice good={changing.isError ? false : null}>{changing.isError && wordsOf(changing.error)}</Notice>
    </fieldset>
  );
}
