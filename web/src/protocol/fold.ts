/** `fold(events) -> parts`: the same words as the server's fold; parts that did not change keep their identity. */

import {
  type Closing,
  type Delta,
  type Event,
  isTool,
  type Opening,
  type Part,
  type ToolState,
} from "./events.ts";
import { partialJson } from "./partial-json.ts";

type Json = Record<string, unknown>;
type Of<T extends string> = Extract<Event, { type: T }>;

/** What any event of a call may tell of it. */
interface Told {
  title?: string;
  toolMetadata?: Json;
  providerExecuted?: boolean;
  providerMetadata?: Json;
}

/** Events that are a part of their own, and what of them the part has. */
const FIELDS: Record<string, string[]> = {
  file: ["mediaType", "url", "providerMetadata"],
  "reasoning-file": ["mediaType", "url", "providerMetadata"],
  "source-url": ["sourceId", "url", "title", "providerMetadata"],
  "source-document": ["sourceId", "mediaType", "title", "filename", "providerMetadata"],
  custom: ["kind", "providerMetadata"],
  "steering-message": ["id", "parts"],
};

/** What a call's part has in some states only. */
const OF_A_STATE = ["input", "output", "errorText", "rawInput", "inputEncoding", "preliminary"];

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
  /** Where the parts of the current step begin. */
  private stepFrom = 0;
  private shared = false;
  /** Open text and reasoning parts: place among the parts, by id. */
  private readonly open = new Map<string, number>();
  /** Text that came since the last snapshot, by place. */
  private readonly fresh = new Map<number, string>();
  private readonly inputs = new Map<
    string,
    { at: number; text: string; encoding?: string; changed: boolean }
  >();
  // Where the parts are that later events name: looked for among all, each event would cost as much as all before.
  /** The calls of the current step; one may have a part that is dynamic and one that is not. */
  private readonly calls = new Map<string, number[]>();
  /** The newest part of each call of earlier steps. */
  private readonly earlierCalls = new Map<string, number>();
  /** All parts that ever asked so, by the id of the approval. */
  private readonly asked = new Map<string, Set<number>>();
  private readonly dataParts = new Map<string, number>();

  /** Take one more event; one of an unknown type changes nothing but `count`. */
  apply(event: Event): void {
    this.count++;
    const handler = HANDLERS[event.type] as ((fold: Fold, event: Event) => void) | undefined;
    if (handler) handler(this, event);
    else if (event.type in FIELDS) this.add(present(event, FIELDS[event.type]!));
    else if (event.type.startsWith("data-")) this.data(event as Of<`data-${string}`>);
  }

  /** The parts so far. The array and each part in it are never changed afterwards. */
  snapshot(): readonly Part[] {
    for (const at of this.fresh.keys()) this.settle(at);
    this.showInputs();
    this.shared = true;
    return this.parts;
  }

  /** Put into the parts what can be read of arguments that still come. */
  private showInputs(): void {
    for (const input of this.inputs.values()) {
      if (!input.changed || this.parts[input.at]!.state !== "input-streaming") continue;
      input.changed = false;
      const value = input.encoding === "text" ? input.text : partialJson(input.text);
      const { input: _, ...rest } = this.parts[input.at]!;
      const said = value === null && input.text.trim() !== "null" ? {} : { input: value };
      this.own()[input.at] = { ...rest, rawInput: input.text, ...said } as Part;
    }
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
    this.stepFrom = this.add({ type: "step-start" }) + 1;
    for (const [call, places] of this.calls) this.earlierCalls.set(call, places.at(-1)!);
    this.calls.clear();
  }

  resetStep(): void {
    this.showInputs();
    const kept = this.own().slice(0, this.stepFrom);
    for (const at of this.fresh.keys()) if (at >= kept.length) this.fresh.delete(at);
    this.inputs.clear();
    this.calls.clear();
    this.parts = kept;
    this.open.clear();
  }

  openPart(event: Opening): void {
    const type = event.type.slice(0, -"-start".length);
    const id = type === "reasoning" ? { id: event.id } : {};
    this.open.set(event.id, this.add({ type, text: "", state: "streaming", ...id, ...described(event) }));
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
    const { citations } = event as { citations?: unknown };
    const cited = this.parts[at]!.type === "text" && citations != null ? { citations } : {};
    this.update(at, { state: "done", ...cited, ...described(event) });
  }

  toolStart(event: Of<"tool-input-start">): void {
    // One of an earlier step stays as it is.
    if (this.inputs.has(event.toolCallId)) this.showInputs();
    const at = this.tool(event);
    this.becomes(
      at,
      event,
      "input-streaming",
      event.inputEncoding ? { inputEncoding: event.inputEncoding } : {},
    );
    this.inputs.set(event.toolCallId, { at, text: "", encoding: event.inputEncoding, changed: false });
  }

  toolDelta(event: Of<"tool-input-delta">): void {
    const input = this.inputs.get(event.toolCallId);
    if (!input) return;
    this.recovering = false;
    input.text += event.inputTextDelta;
    input.changed = true;
  }

  toolReady(event: Of<"tool-input-available">): void {
    this.becomes(this.tool(event), event, "input-available", { input: event.input });
  }

  toolBroken(event: Of<"tool-input-error">): void {
    const known = this.find(event.toolCallId);
    const dynamic = known === undefined ? event.dynamic === true : this.parts[known]!.type === "dynamic-tool";
    const input = event.input === undefined ? {} : { input: event.input };
    this.becomes(this.tool(event, dynamic), event, "output-error", { ...input, errorText: event.errorText });
  }

  toolDone(event: Of<"tool-output-available">): void {
    const at = this.called(event.toolCallId);
    if (at === undefined) return;
    this.recovering = false;
    const preliminary = event.preliminary == null ? {} : { preliminary: event.preliminary };
    this.becomes(at, event, "output-available", { ...this.given(at), output: event.output, ...preliminary });
  }

  toolFailed(event: Of<"tool-output-error">): void {
    const at = this.called(event.toolCallId);
    if (at === undefined) return;
    this.recovering = false;
    const { type, rawInput } = this.parts[at]!;
    const raw = type !== "dynamic-tool" && rawInput !== undefined ? { rawInput } : {};
    this.becomes(at, event, "output-error", { ...this.given(at), ...raw, errorText: event.errorText });
  }

  toolAsks(event: Of<"tool-approval-request">): void {
    const at = this.called(event.toolCallId);
    if (at === undefined) return;
    const approval: Json = { id: event.approvalId };
    if (event.approvalDescriptor != null) approval.descriptor = event.approvalDescriptor;
    if (event.inputSchemaInput != null) approval.inputSchemaInput = event.inputSchemaInput;
    if (event.reason != null) approval.requestReason = event.reason;
    if (event.signature != null) approval.signature = event.signature;
    if (event.isAutomatic === true) approval.isAutomatic = true;
    this.update(at, { state: "approval-requested", approval });
    const places = this.asked.get(event.approvalId);
    if (places) places.add(at);
    else this.asked.set(event.approvalId, new Set([at]));
  }

  toolAllowed(event: Of<"tool-approval-response">): void {
    const at = this.asking(event.approvalId);
    if (at === undefined) return;
    const approval: Json = {
      ...(this.parts[at]!.approval as Json),
      id: event.approvalId,
      approved: event.approved,
    };
    if (event.reason != null) approval.reason = event.reason;
    const more: Json = { state: "approval-responded", approval };
    if (event.providerExecuted != null) more.providerExecuted = event.providerExecuted;
    if (event.providerMetadata != null) more.callProviderMetadata = event.providerMetadata;
    this.update(at, more);
  }

  toolDenied(event: Of<"tool-output-denied">): void {
    const at = this.called(event.toolCallId);
    if (at !== undefined) this.update(at, { state: "output-denied" });
  }

  /** The place of a call's part in the current step, if there is one. */
  private find(call: string, dynamic?: boolean): number | undefined {
    const wanted = (at: number) =>
      dynamic === undefined || (this.parts[at]!.type === "dynamic-tool") === dynamic;
    return this.calls.get(call)?.find(wanted);
  }

  /** The place of a call's part: the one in the current step, else the newest of all. */
  private called(call: string): number | undefined {
    return this.find(call) ?? this.earlierCalls.get(call);
  }

  /** The place of the first part that asks so now; one that asked may ask otherwise since, or be gone. */
  private asking(approval: string): number | undefined {
    const asks = (at: number) => {
      const part = this.parts[at];
      return part && isTool(part) && (part.approval as Json | undefined)?.id === approval;
    };
    const places = [...(this.asked.get(approval) ?? [])].filter(asks);
    return places.length > 0 ? Math.min(...places) : undefined;
  }

  /** The place of a call's part in the current step, made where there is none; what it is called may change. */
  private tool(
    event: Of<"tool-input-start" | "tool-input-available" | "tool-input-error">,
    dynamic = event.dynamic === true,
  ): number {
    const { toolCallId, toolName } = event;
    const head: Part = dynamic ? { type: "dynamic-tool", toolName } : { type: `tool-${toolName}` };
    const known = this.find(toolCallId, dynamic);
    if (known !== undefined) {
      this.update(known, head as Json);
      return known;
    }
    const at = this.add({ ...head, toolCallId });
    this.calls.set(toolCallId, [...(this.calls.get(toolCallId) ?? []), at]);
    return at;
  }

  private given(at: number): Json {
    const { input } = this.parts[at]!;
    return input === undefined ? {} : { input };
  }

  /** A call's part in a new state: what the state does not have is gone, but what was known of the call stays. */
  private becomes(at: number, event: Told, state: ToolState, fields: Json): void {
    const part: Json = { ...this.parts[at]! };
    for (const name of OF_A_STATE) delete part[name];
    Object.assign(part, { state }, fields);
    if (event.title != null && state.startsWith("input-")) part.title = event.title;
    if (event.toolMetadata != null) part.toolMetadata = event.toolMetadata;
    if (event.providerExecuted != null) part.providerExecuted = event.providerExecuted;
    if (event.providerMetadata != null)
      part[state.startsWith("output-") ? "resultProviderMetadata" : "callProviderMetadata"] =
        event.providerMetadata;
    this.own()[at] = part as unknown as Part;
  }

  private data(event: Of<`data-${string}`>): void {
    if (event.type === "data-recovery") this.recovering = true;
    if (event.transient) return;
    const key = JSON.stringify([event.type, event.id]);
    const known = this.dataParts.get(key);
    if (known !== undefined && this.parts[known]?.type === event.type && this.parts[known].id === event.id) {
      this.update(known, { data: event.data });
      return;
    }
    const at = this.add({ ...event });
    if (event.id != null) this.dataParts.set(key, at);
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
  "finish-step": () => {},
  "reset-step": (fold) => fold.resetStep(),
  "text-start": (fold, event) => fold.openPart(event as Opening),
  "text-delta": (fold, event) => fold.delta(event as Delta),
  "text-end": (fold, event) => fold.closePart(event as Closing),
  "reasoning-start": (fold, event) => fold.openPart(event as Opening),
  "reasoning-delta": (fold, event) => fold.delta(event as Delta),
  "reasoning-end": (fold, event) => fold.closePart(event as Closing),
  "tool-input-start": (fold, event) => fold.toolStart(event),
  "tool-input-delta": (fold, event) => fold.toolDelta(event),
  "tool-input-available": (fold, event) => fold.toolReady(event),
  "tool-input-error": (fold, event) => fold.toolBroken(event),
  "tool-output-available": (fold, event) => fold.toolDone(event),
  "tool-output-error": (fold, event) => fold.toolFailed(event),
  "tool-approval-request": (fold, event) => fold.toolAsks(event),
  "tool-approval-response": (fold, event) => fold.toolAllowed(event),
  "tool-output-denied": (fold, event) => fold.toolDenied(event),
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

function present(event: Event, names: string[]): Part {
  const found = Object.entries(event).filter(([name, value]) => names.includes(name) && value != null);
  return { type: event.type, ...Object.fromEntries(found) };
}
