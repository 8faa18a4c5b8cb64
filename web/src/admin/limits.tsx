/** Who may use how much: for a kind of users or one of them, for all models or one of them. */

import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { wordsOf } from "../protocol/api.ts";
import { LIMITS } from "../settings/requests.ts";
import { Read, Row, Rows, Section } from "../settings/section.tsx";
import { queries } from "../state/services.ts";
import { Button } from "../ui/button.tsx";
import { Notice } from "../ui/notice.tsx";
import { LimitForm } from "./limit-form.tsx";
import { admin, type Limits as Written } from "./requests.ts";
import { LIMIT_WORDS, mostWords, subjectWords } from "./words.ts";

const KEY = ["admin", "limits"];

export function Limits() {
  const limits = useQuery({ queryKey: KEY, queryFn: admin.limits, staleTime: 0 });
  /** What is being written; `new`: limits that are not there yet. */
  const [open, setOpen] = useState<string | null>(null);
  const again = () => queries.invalidateQueries({ queryKey: KEY });
  const remove = useMutation({
    mutationFn: ({ subject, model }: Written) => admin.unlimit(subject, model),
    onSuccess: again,
  });
  const saved = async () => {
    await again();
    setOpen(null);
  };
  return (
    <Section
      title="Limits"
      lead="Field by field: what a person has goes before what the kind has, and that before the server’s settings. Limits of one model count besides those of all."
    >
      <Read query={limits}>
        {({ items }) => (
          <>
            {items.length === 0 ? (
              <p className="text-sm text-faint">None is written down: the server’s settings hold.</p>
            ) : (
              <Rows label="Limits">
                {items.map((item) => (
                  <Row
                    key={keyOf(item)}
                    testId="limits"
                    title={titleOf(item)}
                    note={noteOf(item)}
                    actions={
                      <>
                        <Button
                          aria-label={`Change: ${titleOf(item)}`}
                          aria-expanded={open === keyOf(item)}
                          onClick={() => setOpen(open === keyOf(item) ? null : keyOf(item))}
                        >
                          Change
                        </Button>
                        <Button
                          aria-label={`Remove: ${titleOf(item)}`}
                          disabled={remove.isPending}
                          onClick={() => remove.mutate(item)}
                        >
                          Remove
                        </Button>
                      </>
                    }
                  >
                    {open === keyOf(item) && <LimitForm of={item} onSaved={saved} />}
                  </Row>
                ))}
              </Rows>
            )}
            <Notice good={remove.isError ? false : null}>{remove.isError && wordsOf(remove.error)}</Notice>
          </>
        )}
      </Read>
      {open === "new" ? (
        <div className="rounded-xl border border-line bg-raised px-4 py-3">
          <LimitForm of={null} onSaved={saved} />
        </div>
      ) : (
        <Button look="primary" onClick={() => setOpen("new")}>
          Write limits
        </Button>
      )}
    </Section>
  );
}

function keyOf({ subject, model }: Written): string {
  return `${subject} ${model}`;
}

function titleOf({ subject, model }: Written): string {
  return `${subjectWords(subject)}, ${model === "*" ? "all models together" : model}`;
}

function noteOf(written: Written): string {
  const said = LIMITS.filter((name) => written[name] !== null);
  return said.map((name) => `${LIMIT_WORDS[name]}: ${mostWords(name, written[name])}`).join(" · ");
}
