/** A conversation is a tree of messages; this finds the branch that is shown, and each message's siblings. */

import type { Message } from "../protocol/types.ts";

export interface Tree {
  byId: ReadonlyMap<string, Message>;
  /** Messages below a parent (null: the beginnings), in order of creation. */
  children: ReadonlyMap<string | null, readonly Message[]>;
}

export interface Node {
  message: Message;
  /** All that stand in this place, in order of creation, `message` among them. */
  siblings: readonly Message[];
  index: number;
}

const trees = new WeakMap<readonly Message[], Tree>();

/** The tree of a list of messages in order of creation; a message whose parent is unknown is a beginning. */
export function treeOf(messages: readonly Message[]): Tree {
  const known = trees.get(messages);
  if (known) return known;
  const byId = new Map(messages.map((message) => [message.id, message]));
  const children = new Map<string | null, Message[]>();
  for (const message of messages) {
    const parent = message.parent_id !== null && byId.has(message.parent_id) ? message.parent_id : null;
    const group = children.get(parent);
    if (group) group.push(message);
    else children.set(parent, [message]);
  }
  const tree = { byId, children };
  trees.set(messages, tree);
  return tree;
}

/** The end of the branch that one reaches from `id` by always taking the newest child. */
export function newestLeaf(tree: Tree, id: string): string {
  let at = id;
  for (;;) {
    const next = tree.children.get(at)?.at(-1);
    if (!next) return at;
    at = next.id;
  }
}

/** A message and all that stands below it, each before what is below. */
export function allBelow(tree: Tree, id: string): Message[] {
  const found = [tree.byId.get(id) ?? []].flat();
  for (let at = 0; at < found.length; at++) found.push(...(tree.children.get(found[at]!.id) ?? []));
  return found;
}

/** From a beginning down to `leaf`, both included; without a leaf, or with an unknown one, the newest branch. */
export function branchTo(tree: Tree, leaf: string | null): Node[] {
  const first = tree.children.get(null)?.at(-1);
  if (!first) return [];
  const nodes: Node[] = [];
  let at: Message | undefined = tree.byId.get(leaf ?? "") ?? tree.byId.get(newestLeaf(tree, first.id));
  while (at) {
    const parent: string | null = at.parent_id !== null && tree.byId.has(at.parent_id) ? at.parent_id : null;
    const siblings: readonly Message[] = tree.children.get(parent)!;
    nodes.push({ message: at, siblings, index: siblings.indexOf(at) });
    at = parent === null ? undefined : tree.byId.get(parent);
  }
  return nodes.reverse();
}
