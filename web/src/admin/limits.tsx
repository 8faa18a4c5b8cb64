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
        {({ items }) =>
          items.length === 0 ? (
            <p className="text-sm text-faint">None is written down: the server’s settings hold.</p>
          ) : (
            <Rows label="Limits">
              {items.map((item) => (
                <LimitRow
                  key={keyOf(item)}
                  item={item}
                  open={open === keyOf(item)}
                  busy={remove.isPending}
                  onOpen={(wanted) => setOpen(wanted ? keyOf(item) : null)}
                  onRemove={() => remove.mutate(item)}
                  onSaved={saved}
                />
              ))}
            </Rows>
          )
        }
      </Read>
      <Notice good={remove.isError ? false : null}>{remove.isError && wordsOf(remove.error)}</Notice>
      {open === "new" ? <LimitForm of={null} onSaved={saved} /> : <Write onClick={() => setOpen("new")} />}
    </Section>
  );
}

function Write({ onClick }: { onClick(): void }) {
  return (
    <Button look="primary" onClick={onClick}>
      Write limits
    </Button>
  );
}

interface LimitRowProps {
  item: Written;
  /** It is being changed. */
  open: boolean;
  busy: boolean;
  onOpen(open: boolean): void;
  onRemove(): void;
  onSaved(): Promise<void>;
}

function LimitRow({ item, open, busy, onOpen, onRemove, onSaved }: LimitRowProps) {
  const title = titleOf(item);
  return (
    <Row
      testId="limits"
      title={title}
      note={noteOf(item)}
      actions={
        <>
          <Button aria-label={`Change: ${title}`} aria-expanded={open} onClick={() => onOpen(!open)}>
            Change
          </Button>
          <Button aria-label={`Remove: ${title}`} disabled={busy} onClick={onRemove}>
            Remove
          </Button>
        </>
      }
    >
      {open && <LimitForm of={item} onSaved={onSaved} />}
    </Row>
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
