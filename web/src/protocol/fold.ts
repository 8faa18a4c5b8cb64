/** `fold(events) -> parts`: the same words as the server's fold; parts that did not change keep their identity. */

import type { Closing, Delta, Event, Opening, Part } from "./events.ts";
import { partialJson } from "./partial-json.ts";

type Json = Record<string, unknown>;
type Of<T extends string> = Extract<Event, { type: T }>;

const PASSED_THROUGH = new Set(["file", "source-url", "source-document", "reasoning-file", "custom"]);

/** What an answer is after a prefix of its events. */
export class Fold {
  /** So many events were applied, and so this is the next offset. */
  count = 0;
  messageId: string | null = null;
  metadata: Json = {};
  finishReason: string | null = null;
  errorText: string | null = null;
  started = false;
  finished = false;
  aborted = false;
  /** A worker took the run over after this event and has not gone on yet. */
  recovering = false;

  private parts: Part[] = [];
  private stepAt = 0;
  private shared = false;
  /** Open text and reasoning parts: place among the parts, by id. */
  private readonly open = new Map<string, number>();
  private readonly tools = new Map<string, number>();
  /** Text that came since the last snapshot, by place. */
  private readonly fresh = new Map<number, string>();
  private readonly inputs = new Map<string, { text: string; changed: boolean }>();

  /** Take one more event; one of an unknown type changes nothing but `count`. */
  apply(event: Event): void {
    this.count++;
    const handler = HANDLERS[event.type] as ((fold: Fold, event: Event) => void) | undefined;
    if (handler) handler(this, event);
    else if (PASSED_THROUGH.has(event.type)) this.add(present(event));
    else if (event.type.startsWith("data-")) this.data(event as Of<`data-${string}`>);
  }

  /** The parts so far. The array and each part in it are never changed afterwards. */
  snapshot(): readonly Part[] {
    for (const at of this.fresh.keys()) this.settle(at);
    for (const [call, input] of this.inputs) {
      const at = this.tools.get(call)!;
      if (!input.changed || this.parts[at]!.state !== "input-streaming") continue;
      input.changed = false;
      this.update(at, { input: partialJson(input.text) });
    }
    this.shared = true;
    return this.parts;
  }

  private own(): Part[] {
    if (this.shared) {
      this.parts = this.parts.slice();
      this.shared = false;
    }
    return this.parts;
  }

  private add(part: Part): number {
    return this.own().push(part) - 1;
  }

  private update(at: number, fields: Json): void {
    const parts = this.own();
    parts[at] = { ...parts[at]!, ...fields };
  }

  private settle(at: number): void {
    const more = this.fresh.get(at);
    if (more === undefined) return;
    this.fresh.delete(at);
    this.update(at, { text: `${this.parts[at]!.text as string}${more}` });
  }

  start(event: Of<"start">): void {
    this.started = true;
    this.messageId = event.messageId ?? this.messageId;
    this.describe(event);
  }

  describe(event: { messageMetadata?: Json }): void {
    if (event.messageMetadata) this.metadata = merge(this.metadata, event.messageMetadata);
  }

  finish(event: Of<"finish">): void {
    this.finished = true;
    this.recovering = false;
    this.finishReason = event.finishReason ?? null;
    this.describe(event);
  }

  startStep(): void {
    this.recovering = false;
    this.stepAt = this.add({ type: "step-start" });
  }

  finishStep(): void {
    this.open.clear();
  }

  resetStep(): void {
    const kept = this.own().slice(0, this.stepAt);
    for (const at of this.fresh.keys()) if (at >= kept.length) this.fresh.delete(at);
    for (const [call, at] of this.tools) {
      if (at < kept.length) continue;
      this.tools.delete(call);
      this.inputs.delete(call);
    }
    this.parts = kept;
    this.open.clear();
  }

  openPart(event: Opening): void {
    const type = event.type.slice(0, -"-start".length);
    this.open.set(event.id, this.add({ type, text: "", state: "streaming", ...described(event) }));
  }

  delta(event: Delta): void {
    const at = this.open.get(event.id);
    if (at === undefined) return;
    this.recovering = false;
    this.fresh.set(at, (this.fresh.get(at) ?? "") + event.delta);
    if (event.providerMetadata) this.update(at, described(event));
  }

  closePart(event: Closing): void {
    const at = this.open.get(event.id);
    if (at === undefined) return;
    this.open.delete(event.id);
    this.settle(at);
    this.update(at, { state: "done", ...described(event) });
  }

  toolStart(event: Of<"tool-input-start">): void {
    this.inputs.set(event.toolCallId, { text: "", changed: true });
    this.tool(event, { state: "input-streaming" });
  }

  toolDelta(event: Of<"tool-input-delta">): void {
    this.recovering = false;
    const input = this.inputs.get(event.toolCallId);
    if (!input) return;
    input.text += event.inputTextDelta;
    input.changed = true;
  }

  /** Add or change the part of a call. */
  tool(event: Of<"tool-input-start" | "tool-input-available" | "tool-input-error">, fields: Json): void {
    const { toolCallId, toolName } = event;
    let at = this.tools.get(toolCallId);
    if (at === undefined) {
      const head: Part = event.dynamic ? { type: "dynamic-tool", toolName } : { type: `tool-${toolName}` };
      at = this.add({ ...head, toolCallId });
      this.tools.set(toolCallId, at);
    }
    const extra: Json = { ...fields };
    if (event.providerExecuted) extra.providerExecuted = true;
    if (event.providerMetadata) extra.callProviderMetadata = event.providerMetadata;
    this.update(at, extra);
  }

  called(call: string, fields: Json): void {
    const at = this.tools.get(call);
    if (at === undefined) return;
    this.recovering = false;
    const { preliminary: _, ...rest } = this.parts[at]!;
    this.own()[at] = { ...(fields.state === "output-available" ? rest : this.parts[at]!), ...fields } as Part;
  }

  private data(event: Of<`data-${string}`>): void {
    if (event.type === "data-recovery") this.recovering = true;
    if (event.transient) return;
    if (event.id !== undefined && event.id !== null) {
      const at = this.parts.findIndex((part) => part.type === event.type && part.id === event.id);
      if (at >= 0) {
        this.update(at, { data: event.data });
        return;
      }
    }
    this.add({ ...event });
  }
}

type Handlers = { [K in Event["type"]]?: (fold: Fold, event: Extract<Event, { type: K }>) => void };

const HANDLERS: Handlers & Record<string, unknown> = {
  start: (fold, event) => fold.start(event),
  "message-metadata": (fold, event) => fold.describe(event),
  finish: (fold, event) => fold.finish(event),
  abort: (fold) => {
    fold.aborted = true;
  },
  error: (fold, event) => {
    fold.errorText = event.errorText;
  },
  "start-step": (fold) => fold.startStep(),
  "finish-step": (fold) => fold.finishStep(),
  "reset-step": (fold) => fold.resetStep(),
  "text-start": (fold, event) => fold.openPart(event as Opening),
  "text-delta": (fold, event) => fold.delta(event as Delta),
  "text-end": (fold, event) => fold.closePart(event as Closing),
  "reasoning-start": (fold, event) => fold.openPart(event as Opening),
  "reasoning-delta": (fold, event) => fold.delta(event as Delta),
  "reasoning-end": (fold, event) => fold.closePart(event as Closing),
  "tool-input-start": (fold, event) => fold.toolStart(event),
  "tool-input-delta": (fold, event) => fold.toolDelta(event),
  "tool-input-available": (fold, event) => fold.tool(event, { state: "input-available", input: event.input }),
  "tool-input-error": (fold, event) =>
    fold.tool(event, { state: "output-error", input: event.input ?? null, errorText: event.errorText }),
  "tool-output-available": (fold, event) =>
    fold.called(event.toolCallId, {
      state: "output-available",
      output: event.output,
      ...(event.preliminary ? { preliminary: true } : {}),
    }),
  "tool-output-error": (fold, event) =>
    fold.called(event.toolCallId, { state: "output-error", errorText: event.errorText }),
  "tool-approval-request": (fold, event) =>
    fold.called(event.toolCallId, { state: "approval-requested", approval: { id: event.approvalId } }),
  "tool-output-denied": (fold, event) => fold.called(event.toolCallId, { state: "output-denied" }),
};

/** Metadata as the AI SDK merges it: objects deeply, everything else replaced; neither argument is changed. */
export function merge(base: Json, more: Json): Json {
  const out = { ...base };
  for (const [key, value] of Object.entries(more)) {
    const old = out[key];
    out[key] = isObject(old) && isObject(value) ? merge(old, value) : value;
  }
  return out;
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function described(event: { providerMetadata?: Json }): Json {
  return event.providerMetadata ? { providerMetadata: event.providerMetadata } : {};
}

function present(event: Event): Part {
  return Object.fromEntries(Object.entries(event).filter(([, value]) => value !== null)) as unknown as Part;
}
