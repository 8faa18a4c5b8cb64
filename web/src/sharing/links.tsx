/** The links to a conversation that stand, each to be revoked. */

import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Read, Row, Rows } from "../settings/section.tsx";
import { Button } from "../ui/button.tsx";
import { Confirm } from "../ui/confirm.tsx";
import { linksOf, linksQuery, type Share, sharing } from "./requests.ts";
import { takenOut } from "./taken-out.ts";
import { linkNote, ROLES } from "./words.ts";

export function Links({ id }: { id: string }) {
  const links = useQuery(linksQuery(id));
  const [revoking, setRevoking] = useState<Share | null>(null);
  const now = new Date();
  return (
    <>
      <Read query={links} lines={1}>
        {({ items }) =>
          items.length === 0 ? (
            <p className="text-sm text-faint">There are none.</p>
          ) : (
            <Rows label="Links">
              {items.map((share) => (
                <Row
                  key={share.id}
                  testId="link"
                  title={`${ROLES[share.role]}${share.email ? `: ${share.email}` : ""}`}
                  note={linkNote(share, now)}
                  actions={
                    <Button
                      onClick={() => setRevoking(share)}
                      aria-label={`Revoke the link “${ROLES[share.role]}${share.email ? `: ${share.email}` : ""}”`}
                    >
                      Revoke
                    </Button>
                  }
                />
              ))}
            </Rows>
          )
        }
      </Read>
      {revoking && (
        <Confirm
          title="Revoke this link?"
          words="Nobody can come by it any more, and whoever came by it is out at once."
          action="Revoke"
          run={() =>
            takenOut<Share>(
              linksOf(id),
              (share) => share.id === revoking.id,
              () => sharing.revoke(id, revoking.id),
            )
          }
          onDone={() => setRevoking(null)}
        />
      )}
    </>
  );
}
