/** Which parser reads which language; each is loaded when a block first needs it. */

import type { Parser } from "@lezer/common";

type Load = () => Promise<Parser>;

const javascript =
  (dialect: string): Load =>
  async () =>
    (await import("@lezer/javascript")).parser.configure({ dialect });

const LOADERS: Record<string, Load> = {
  javascript: javascript("jsx"),
  typescript: javascript("ts"),
  tsx: javascript("jsx ts"),
  python: async () => (await import("@lezer/python")).parser,
  json: async () => (await import("@lezer/json")).parser,
  css: async () => (await import("@lezer/css")).parser,
  html: async () => (await import("@lezer/html")).parser,
  xml: async () => (await import("@lezer/xml")).parser,
  rust: async () => (await import("@lezer/rust")).parser,
  cpp: async () => (await import("@lezer/cpp")).parser,
  java: async () => (await import("@lezer/java")).parser,
  go: async () => (await import("@lezer/go")).parser,
  php: async () => (await import("@lezer/php")).parser,
  yaml: async () => (await import("@lezer/yaml")).parser,
};

const ALIASES: Record<string, string> = {
  js: "javascript",
  jsx: "javascript",
  mjs: "javascript",
  cjs: "javascript",
  node: "javascript",
  ts: "typescript",
  mts: "typescript",
  py: "python",
  python3: "python",
  jsonc: "json",
  json5: "json",
  jsonl: "json",
  scss: "css",
  less: "css",
  htm: "html",
  vue: "html",
  svelte: "html",
  svg: "xml",
  rs: "rust",
  c: "cpp",
  h: "cpp",
  "c++": "cpp",
  cc: "cpp",
  hpp: "cpp",
  cs: "java",
  csharp: "java",
  kotlin: "java",
  kt: "java",
  golang: "go",
  yml: "yaml",
};

const loaded = new Map<string, Parser | Promise<Parser>>();

/** The parser of a language: at once if it is there, later if it must be loaded, null if there is none. */
export function parserOf(language: string): Parser | Promise<Parser> | null {
  const name = ALIASES[language] ?? language;
  const known = loaded.get(name);
  if (known) return known;
  const load = Object.hasOwn(LOADERS, name) ? LOADERS[name] : undefined;
  if (!load) return null;
  const coming = load().then(
    (parser) => {
      loaded.set(name, parser);
      return parser;
    },
    (error: unknown) => {
      loaded.delete(name);
      throw error;
    },
  );
  loaded.set(name, coming);
  return coming;
}

const LABELS: Record<string, string> = {
  javascript: "JavaScript",
  typescript: "TypeScript",
  tsx: "TSX",
  jsx: "JSX",
  python: "Python",
  json: "JSON",
  css: "CSS",
  html: "HTML",
  xml: "XML",
  rust: "Rust",
  cpp: "C++",
  c: "C",
  java: "Java",
  go: "Go",
  php: "PHP",
  yaml: "YAML",
  sql: "SQL",
  bash: "Shell",
  sh: "Shell",
  shell: "Shell",
  zsh: "Shell",
  toml: "TOML",
  diff: "Diff",
  md: "Markdown",
  markdown: "Markdown",
  text: "Text",
};

/** A language's name for people. */
export function labelOf(language: string): string {
  if (!language) return "Text";
  return LABELS[language] ?? LABELS[ALIASES[language] ?? ""] ?? language;
}
