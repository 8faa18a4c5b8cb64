/** What a thread shows, row by row: the branch's messages, then what is on its way to the server. */

import { isActive, type Message } from "../protocol/types.ts";
import type { Messages } from "../state/cache.ts";
import type { Pending } from "../state/outbox.ts";
import { branchTo, type Node, treeOf } from "../state/tree.ts";

export type Row =
  /** `cut`: the model was given nothing before it, though there is something. */
  | { kind: "message"; key: string; node: Node; waits: boolean; last: boolean; cut: boolean }
  /** `waits`: the server is away, for it or for one before it. */
  | { kind: "pending"; key: string; pending: Pending; waits: boolean }
  | { kind: "awaited"; key: string };

/** The rows of a conversation. An edit on its way takes the place of what it edits and all below. */
export function rowsOf(data: Messages, pending: readonly Pending[]): Row[] {
  const arrived = new Set(data.items.map((item) => item.client_id));
  const waiting = pending.filter((item) => !arrived.has(item.key));
  const edit = waiting.find((item) => item.edits !== null);
  let nodes = branchTo(treeOf(data.items), data.leaf_id);
  if (edit) nodes = nodes.slice(0, nodes.findIndex((node) => node.message.id === edit.under) + 1);
  const start = contextStart(nodes);
  const rows: Row[] = [];
  let busy = false;
  for (const [at, node] of nodes.entries()) {
    const { message } = node;
    const active = message.role === "assistant" && isActive(message.status);
    const last = at === nodes.length - 1 && waiting.length === 0;
    const cut = at > 0 && message.id === start;
    rows.push({ kind: "message", key: keyOf(node, nodes[at - 1]), node, last, waits: active && busy, cut });
    busy ||= active;
  }
  let waits = false;
  for (const item of waiting) {
    waits ||= item.waits === true;
    rows.push({ kind: "pending", key: item.key, pending: item, waits });
    if (item.state === "sending" && !waits) rows.push({ kind: "awaited", key: `${item.key}:answer` });
  }
  return rows;
}

/** The first message that the model was given for the newest answer that is there; null where it was given all. */
function contextStart(nodes: readonly Node[]): string | null {
  const newest = nodes.findLast(({ message }) => message.role === "assistant" && !isActive(message.status));
  const start = newest?.message.metadata.contextFrom;
  return typeof start === "string" ? start : null;
}

/** A message keeps the name under which it was shown before the server named it, so that it does not blink. */
function keyOf(node: Node, above: Node | undefined): string {
  const { message } = node;
  if (message.role === "user") return message.client_id ?? message.id;
  return above?.message.client_id && node.index === 0 ? `${above.message.client_id}:answer` : message.id;
}

/** Whether an answer's parts are to be read from its run: it grows, was not folded yet, or failed in words. */
export function isFollowed(message: Message): boolean {
  if (message.role !== "assistant" || message.run_id === null) return false;
  return isActive(message.status) || message.parts.length === 0 || message.status === "error";
}

/** The runs that the shown rows read from; a waiting run has nothing to tell yet. */
export function followedRuns(rows: readonly Row[]): string[] {
  return rows.flatMap((row) =>
    row.kind === "message" && !row.waits && isFollowed(row.node.message) ? [row.node.message.run_id!] : [],
  );
}

/** The answer of the branch that is being written now. */
export function activeAnswer(rows: readonly Row[]): Message | null {
  for (const row of rows) {
    if (
      row.kind === "message" &&
      row.node.message.role === "assistant" &&
      isActive(row.node.message.status)
    ) {
      return row.node.message;
    }
  }
  return null;
}

const CHARS_A_LINE = 84;
const LINE_PX = 27.5;
const AROUND_PX = 84;

/** A guess at a row's height before it is measured. */
export function estimate(row: Row | undefined): number {
  if (row?.kind !== "message") return 120;
  let lines = 0;
  for (const part of row.node.message.parts) {
    if (typeof part.text !== "string" || part.type === "reasoning") lines += 1.6;
    else
      for (const line of part.text.split("\n")) lines += Math.max(0.6, Math.ceil(line.length / CHARS_A_LINE));
  }
  return AROUND_PX + Math.max(1, lines) * LINE_PX;
}
