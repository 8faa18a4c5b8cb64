/** A block of code: its language, a copy button, and its lines, of which only the changed ones are painted. */

import type { Parser } from "@lezer/common";
import { memo, useEffect, useMemo, useState } from "react";
import { CopyButton } from "../ui/copy-button.tsx";
import { Highlighting, type Line } from "./highlight.ts";
import { labelOf, parserOf } from "./languages.ts";

const CodeLine = memo(function CodeLine({ line }: { line: Line }) {
  return (
    <span className="code-line">
      {line.map(([text, style], at) =>
        style ? (
          <span key={at} className={style}>
            {text}
          </span>
        ) : (
          text
        ),
      )}
      {"\n"}
    </span>
  );
});

function useParser(language: string): Parser | null {
  const found = useMemo(() => parserOf(language), [language]);
  const [parser, setParser] = useState<{ of: string; parser: Parser } | null>(null);
  const now = found && !(found instanceof Promise) ? found : null;
  useEffect(() => {
    if (!(found instanceof Promise)) return;
    let here = true;
    // Without its parser (offline) the code is shown plain.
    found.then((loaded) => here && setParser({ of: language, parser: loaded })).catch(() => {});
    return () => {
      here = false;
    };
  }, [found, language]);
  return now ?? (parser?.of === language ? parser.parser : null);
}

export function CodeBlock({ code, language }: { code: string; language: string }) {
  const parser = useParser(language);
  const highlighting = useMemo(() => new Highlighting(parser, language), [parser, language]);
  const lines = highlighting.lines(code);
  return (
    <figure className="code-block" aria-label={`Code, ${labelOf(language)}`}>
      <header>
        <span>{labelOf(language)}</span>
        <CopyButton text={() => code} label="Copy code" />
      </header>
      <pre tabIndex={0}>
        <code>
          {lines.map((line, at) => (
            <CodeLine key={at} line={line} />
          ))}
        </code>
      </pre>
    </figure>
  );
}
