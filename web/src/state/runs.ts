/** Answers while they are written: one external store per run, painted at most once a frame. */

import type { ErrorBody } from "../protocol/errors.ts";
import type { Event, Part } from "../protocol/events.ts";
import { Fold } from "../protocol/fold.ts";
import type { Live } from "../protocol/live.ts";
import type { MessageStatus } from "../protocol/types.ts";

export interface RunView {
  readonly parts: readonly Part[];
  readonly started: boolean;
  /** `finish` was seen: the parts are whole. */
  readonly finished: boolean;
  readonly aborted: boolean;
  readonly recovering: boolean;
  readonly errorText: string | null;
  readonly finishReason: string | null;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** How a finished run ended, as the server tells it from the same events. */
export function endOf(view: RunView): MessageStatus {
  if (view.errorText !== null) return "error";
  if (view.aborted) return "stopped";
  return view.finishReason === "interrupted" ? "interrupted" : "completed";
}

const LATEST_PAINT_MS = 50;

/** Calls back once for all that became dirty: in the next frame, or after 50 ms where frames do not come. */
export class Painter {
  private readonly dirty = new Set<() => void>();
  private frame: number | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;

  request(paint: () => void): void {
    this.dirty.add(paint);
    if (this.timer !== undefined) return;
    this.timer = setTimeout(this.paint, LATEST_PAINT_MS);
    if (typeof requestAnimationFrame === "function") this.frame = requestAnimationFrame(this.paint);
  }

  private readonly paint = (): void => {
    if (this.frame !== undefined) cancelAnimationFrame(this.frame);
    clearTimeout(this.timer);
    this.frame = this.timer = undefined;
    const dirty = [...this.dirty];
    this.dirty.clear();
    for (const paint of dirty) paint();
  };
}

/** One run: folds what the follower delivers, and shows it to whoever watches. */
export class RunStore {
  private fold = new Fold();
  private readonly watchers = new Set<() => void>();
  private view: RunView;
  private stop: (() => void) | null = null;
  private readers = 0;
  private refused = false;

  constructor(
    readonly id: string,
    private readonly live: Live,
    private readonly painter: Painter,
    private readonly onFinish: (run: string, view: RunView) => void,
    private readonly onIdle: () => void,
  ) {
    this.view = this.look();
  }

  get = (): RunView => this.view;

  watch = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => {
      this.watchers.delete(watcher);
      if (this.idle) this.onIdle();
    };
  };

  /** Nobody looks at it. */
  get idle(): boolean {
    return this.readers === 0 && this.watchers.size === 0;
  }

  /** Follow while at least one holds it. Returns how to let go. */
  hold(): () => void {
    this.readers++;
    if (this.readers === 1 && !this.fold.finished) this.follow();
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      if (--this.readers > 0) return;
      this.stop?.();
      this.stop = null;
      if (this.idle) this.onIdle();
    };
  }

  /** Try once more where it could not be followed: its end is known, so that all of it can be read. */
  resume(): void {
    if (!this.refused || this.readers === 0) return;
    this.fold.errorText = null;
    this.follow();
  }

  private follow(): void {
    this.refused = false;
    this.stop = this.live.follow<Event>(`runs/${this.id}`, this.fold.count - 1, {
      onEvents: (events, offset) => this.take(events, offset),
      onError: (error) => this.fail(error),
    });
  }

  private take(events: Event[], offset: number): void {
    // What was folded is not folded again, whoever delivers it.
    for (const event of events.slice(Math.max(0, this.fold.count - offset))) this.fold.apply(event);
    this.painter.request(this.paint);
  }

  private fail(error: ErrorBody): void {
    if (error.code === "conflict:stream" && this.fold.count > 0) {
      // What was folded is not of this run: the server has not come so far.
      this.fold = new Fold();
      this.follow();
      return;
    }
    this.refused = true;
    this.fold.errorText ??= error.message;
    this.painter.request(this.paint);
  }

  private readonly paint = (): void => {
    const wasFinished = this.view.finished;
    this.view = this.look();
    for (const watcher of this.watchers) watcher();
    if (!this.view.finished || wasFinished) return;
    this.onFinish(this.id, this.view);
    if (this.idle) this.onIdle();
  };

  private look(): RunView {
    const { started, finished, aborted, recovering, errorText, finishReason, metadata } = this.fold;
    return {
      parts: this.fold.snapshot(),
      started,
      finished,
      aborted,
      recovering,
      errorText,
      finishReason,
      metadata,
    };
  }
}

/** The runs that this page sees grow; one that has ended is forgotten when nobody looks: its message holds its parts. */
export class Runs {
  private readonly painter = new Painter();
  private readonly stores = new Map<string, RunStore>();
  private readonly over = new Set<string>();
  onFinish: (run: string, view: RunView) => void = () => {};

  constructor(private readonly live: Live) {}

  of(id: string): RunStore {
    let store = this.stores.get(id);
    if (!store) {
      store = new RunStore(
        id,
        this.live,
        this.painter,
        (run, view) => this.onFinish(run, view),
        () => this.tidy(id),
      );
      this.stores.set(id, store);
    }
    return store;
  }

  known(id: string): RunView | undefined {
    return this.stores.get(id)?.get();
  }

  /** The server says that it has ended: what is missing here can be read from its message, or from its start. */
  ended(id: string): void {
    const store = this.stores.get(id);
    if (!store) return;
    store.resume();
    this.over.add(id);
    this.tidy(id);
  }

  private tidy(id: string): void {
    const store = this.stores.get(id);
    if (!store?.idle || !(store.get().finished || this.over.has(id))) return;
    this.stores.delete(id);
    this.over.delete(id);
  }
}
