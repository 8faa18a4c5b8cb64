/** Holds the built page to its budget: what the first load costs, and every chunk that may come later. */

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const FIRST_LOAD_KB = 150;
const LAZY_KB = 200;

const out = fileURLToPath(new URL("../../src/threadline/static/", import.meta.url));
const size = (name) => gzipSync(readFileSync(out + name), { level: 9 }).length / 1000;

const html = readFileSync(`${out}index.html`, "utf8");
const first = [...html.matchAll(/(?:src|href)="\/([^"]+\.(?:js|css))"/g)].map((match) => match[1]);
const total = first.reduce((sum, name) => sum + size(name), 0);
const lazy = readdirSync(`${out}assets`)
  .filter((name) => /\.(js|css)$/.test(name) && !first.includes(`assets/${name}`))
  .map((name) => [name, size(`assets/${name}`)])
  .sort((a, b) => b[1] - a[1]);

console.log(`first load  ${total.toFixed(1)} kB gz of ${FIRST_LOAD_KB}  (${first.join(", ")})`);
for (const [name, kb] of lazy.slice(0, 4))
  console.log(`lazy        ${kb.toFixed(1)} kB gz of ${LAZY_KB}  ${name}`);
const over = total > FIRST_LOAD_KB || lazy.some(([, kb]) => kb > LAZY_KB);
if (over) console.error("The page is over its budget.");
process.exit(over ? 1 : 0);
