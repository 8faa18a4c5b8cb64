/** Changes to what was read, made also to what is being read: an answer on its way is older than they are. */

import { matchQuery, type Query, type QueryClient, type QueryKey } from "@tanstack/react-query";

/** Which queries a change is for: all whose key begins so, or only this one. */
export interface Target {
  queryKey: QueryKey;
  exact?: boolean;
}

interface Change {
  target: Target;
  update(data: unknown): unknown;
}

export class Journal {
  /** Reads under way, by query: so many of `changes` were made before each began. */
  private readonly reads = new Map<string, number>();
  private changes: Change[] = [];

  constructor(private readonly queries: QueryClient) {
    queries.getQueryCache().subscribe((event) => {
      if (event.type === "removed") this.ended(event.query);
      else if (event.type === "updated") {
        const { action, query } = event;
        if (action.type === "success" && !action.manual) this.replay(query);
        if (query.state.fetchStatus === "idle") this.ended(query);
        else if (!this.reads.has(query.queryHash)) this.reads.set(query.queryHash, this.changes.length);
      }
    });
  }

  /** Change what is known now, and the same in the result of every read under way. `update` gives back what it does not change. */
  change<T>(target: Target, update: (data: T) => T): void {
    const change: Change = { target, update: (data) => update(data as T) };
    if (this.reads.size > 0) this.changes.push(change);
    for (const query of this.queries.getQueryCache().findAll(target)) this.make(query, [change]);
  }

  /** All pages of a list are one read, so its changes are made to all of them once the last is there. */
  private replay(query: Query): void {
    const since = this.changes.slice(this.reads.get(query.queryHash) ?? this.changes.length);
    this.make(
      query,
      since.filter(({ target }) => matchQuery(target, query)),
    );
  }

  private make(query: Query, changes: Change[]): void {
    const before = query.state.data;
    if (before === undefined) return;
    let after: unknown = before;
    for (const { update } of changes) after = update(after);
    if (after !== before) query.setData(after, { manual: true });
  }

  private ended(query: Query): void {
    this.reads.delete(query.queryHash);
    if (this.reads.size === 0) this.changes = [];
  }
}

/** Read again: what is shown now, the rest when it is shown. A read under way may be too old, so it begins anew. */
export function readAgain(queries: QueryClient, target?: Target): Promise<void> {
  // Without this, a first read that has no data yet would go on as it is.
  void queries.cancelQueries(target);
  return queries.invalidateQueries(target);
}
