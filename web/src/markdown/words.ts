/** A rough highlighter for languages without a parser here: comments, strings, numbers and the common keywords. */

/** Text and the class of its colour, if any. */
export type Token = readonly [text: string, style: string];

const KEYWORDS: Record<string, string> = {
  bash:
    "if then else elif fi for while until do done case esac in function return local export readonly declare set unset " +
    "source exit trap shift break continue cd echo sudo",
  sql:
    "select from where and or not null is in like between join left right inner outer full cross on group by order having " +
    "limit offset insert into values update set delete create table index view drop alter add column primary key foreign " +
    "references unique default check constraint as distinct union all case when then else end exists with recursive " +
    "returning begin commit rollback transaction over partition",
  ruby:
    "def end class module if elsif else unless while until do begin rescue ensure return yield self nil true false and or " +
    "not require include attr_accessor raise then case when in next break",
  lua: "and break do else elseif end false for function goto if in local nil not or repeat return then true until while",
  toml: "true false",
  dockerfile:
    "from run cmd label expose env add copy entrypoint volume user workdir arg onbuild healthcheck shell as",
  makefile: "ifeq ifneq ifdef ifndef else endif include define endef export override",
  swift:
    "let var func class struct enum protocol extension if else guard switch case default for in while repeat return break " +
    "continue import init self nil true false throws throw try catch async await public private static",
};

const SAME: Record<string, string> = {
  sh: "bash",
  shell: "bash",
  zsh: "bash",
  console: "bash",
  fish: "bash",
  ini: "toml",
  postgresql: "sql",
  mysql: "sql",
  sqlite: "sql",
  rb: "ruby",
  docker: "dockerfile",
  make: "makefile",
};

const sets = new Map<string, Set<string>>();

function keywordsOf(name: string): Set<string> {
  let set = sets.get(name);
  if (!set) {
    set = new Set(KEYWORDS[name]!.split(" "));
    sets.set(name, set);
  }
  return set;
}

const HASH =
  /(#.*)|("(?:\\.|[^"\\])*"?|'(?:\\.|[^'\\])*'?)|(\$\{[^}]*\}?|\$\w+|(?<=\s)--?[\w-]+)|(\b\d[\w.]*\b)|([A-Za-z_]\w*)/g;
const DASH = /(--.*)|('(?:''|[^'])*'?|"[^"]*"?)|(\B@\w+)|(\b\d[\w.]*\b)|([A-Za-z_]\w*)/g;
const SLASH = /(\/\/.*)|("(?:\\.|[^"\\])*"?)|(@\w+)|(\b\d[\w.]*\b)|([A-Za-z_]\w*)/g;
const STYLES = ["tok-comment", "tok-string", "tok-property", "tok-number"];

/** The tokens of one line; null where the language is not known here either. */
export function lineTokenizer(language: string): ((line: string) => Token[]) | null {
  if (language === "diff" || language === "patch") return diffLine;
  const name = SAME[language] ?? language;
  if (!Object.hasOwn(KEYWORDS, name)) return null;
  const keywords = keywordsOf(name);
  const pattern = name === "sql" || name === "lua" ? DASH : name === "swift" ? SLASH : HASH;
  const fold = name === "sql" || name === "dockerfile";
  return (line) => {
    const tokens: Token[] = [];
    let at = 0;
    for (const match of line.matchAll(pattern)) {
      const group = match.slice(1).findIndex((text) => text !== undefined);
      const word = fold ? match[0].toLowerCase() : match[0];
      const style = group === 4 ? (keywords.has(word) ? "tok-keyword" : "") : STYLES[group]!;
      if (!style) continue;
      if (match.index > at) tokens.push([line.slice(at, match.index), ""]);
      tokens.push([match[0], style]);
      at = match.index + match[0].length;
    }
    if (at < line.length) tokens.push([line.slice(at), ""]);
    return tokens;
  };
}

function diffLine(line: string): Token[] {
  if (/^(\+\+\+|---|@@|diff |index )/.test(line)) return [[line, "tok-comment"]];
  if (line.startsWith("+")) return [[line, "tok-inserted"]];
  if (line.startsWith("-")) return [[line, "tok-deleted"]];
  return line ? [[line, ""]] : [];
}
