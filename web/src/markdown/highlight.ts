/** Code as lines of coloured tokens; a growing text is parsed from where it grew, and unchanged lines stay the same. */

import { type Parser, type Tree, TreeFragment } from "@lezer/common";
import { highlightCode, tags as t, tagHighlighter } from "@lezer/highlight";
import { lineTokenizer, type Token } from "./words.ts";

export type Line = readonly Token[];

const highlighter = tagHighlighter([
  { tag: t.comment, class: "tok-comment" },
  { tag: [t.keyword, t.definitionKeyword, t.controlKeyword, t.moduleKeyword, t.self], class: "tok-keyword" },
  { tag: [t.operatorKeyword, t.modifier], class: "tok-keyword" },
  { tag: [t.string, t.special(t.string), t.regexp, t.character], class: "tok-string" },
  { tag: [t.number, t.bool, t.null, t.atom, t.unit, t.color], class: "tok-number" },
  { tag: [t.typeName, t.className, t.namespace, t.standard(t.name)], class: "tok-typeName" },
  { tag: [t.function(t.variableName), t.function(t.propertyName), t.macroName], class: "tok-function" },
  {
    tag: [t.function(t.definition(t.variableName)), t.definition(t.function(t.variableName))],
    class: "tok-function",
  },
  { tag: [t.propertyName, t.definition(t.propertyName)], class: "tok-propertyName" },
  { tag: t.tagName, class: "tok-tagName" },
  { tag: [t.attributeName, t.labelName], class: "tok-attributeName" },
  { tag: [t.meta, t.processingInstruction, t.punctuation, t.operator], class: "tok-punctuation" },
  { tag: t.heading, class: "tok-heading" },
  { tag: t.invalid, class: "" },
]);

/** Beyond this many characters code stays plain: nobody reads it token by token. */
const LONGEST = 120_000;

/** The state of one block; `lines(code)` may be called with ever longer texts. */
export class Highlighting {
  private before = "";
  private tree: Tree | null = null;
  private previous: Line[] = [];

  constructor(
    private readonly parser: Parser | null,
    private readonly language: string,
  ) {}

  lines(code: string): readonly Line[] {
    const lines = this.tokens(code);
    const kept = lines.map((line, at) => {
      const old = this.previous[at];
      return old && same(old, line) ? old : line;
    });
    this.previous = kept;
    return kept;
  }

  private tokens(code: string): Line[] {
    if (code.length > LONGEST) return plain(code);
    if (this.parser) return this.parsed(code, this.parser);
    const tokenize = lineTokenizer(this.language);
    return tokenize ? code.split("\n").map(tokenize) : plain(code);
  }

  private parsed(code: string, parser: Parser): Line[] {
    const grew = this.tree !== null && code.startsWith(this.before);
    const at = this.before.length;
    const fragments = grew
      ? TreeFragment.applyChanges(TreeFragment.addTree(this.tree!), [
          { fromA: at, toA: at, fromB: at, toB: code.length },
        ])
      : [];
    this.tree = parser.parse(code, fragments);
    this.before = code;
    const lines: Token[][] = [[]];
    highlightCode(
      code,
      this.tree,
      highlighter,
      (text, style) => lines.at(-1)!.push([text, style]),
      () => lines.push([]),
    );
    return lines;
  }
}

function plain(code: string): Line[] {
  return code.split("\n").map((line) => (line ? [[line, ""]] : []));
}

function same(a: Line, b: Line): boolean {
  return a.length === b.length && a.every(([text, style], at) => text === b[at]![0] && style === b[at]![1]);
}
