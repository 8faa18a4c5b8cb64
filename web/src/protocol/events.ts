/** The vocabulary of a run's stream (AI SDK UI message chunks), and the parts that they make. */

type Metadata = Record<string, unknown>;

interface OfPart {
  id: string;
  providerMetadata?: Metadata;
}

interface OfCall {
  toolCallId: string;
  providerExecuted?: boolean;
  providerMetadata?: Metadata;
  dynamic?: boolean;
  title?: string;
  toolMetadata?: Metadata;
}

/** What an event of a call that is known already may tell of it. */
type OfKnownCall = Omit<OfCall, "dynamic">;

export type Opening = { type: "text-start" | "reasoning-start" } & OfPart;
export type Delta = { type: "text-delta" | "reasoning-delta"; delta: string } & OfPart;
export type Closing = { type: "text-end" | "reasoning-end" } & OfPart;

export type Event =
  | { type: "start"; messageId?: string; messageMetadata?: Metadata; v?: number }
  | { type: "finish"; finishReason?: string; messageMetadata?: Metadata }
  | { type: "message-metadata"; messageMetadata: Metadata }
  | { type: "abort"; reason?: string }
  | { type: "error"; errorText: string }
  | { type: "start-step" }
  | { type: "finish-step"; finishReason?: string; usage?: Record<string, number> }
  | { type: "reset-step" }
  | Opening
  | Delta
  | Closing
  | ({ type: "tool-input-start"; toolName: string; inputEncoding?: "json" | "text" } & OfCall)
  | { type: "tool-input-delta"; toolCallId: string; inputTextDelta: string }
  | ({ type: "tool-input-available"; toolName: string; input: unknown } & OfCall)
  | ({ type: "tool-input-error"; toolName: string; input?: unknown; errorText: string } & OfCall)
  | ({ type: "tool-output-available"; output: unknown; preliminary?: boolean } & OfKnownCall)
  | ({ type: "tool-output-error"; errorText: string } & OfKnownCall)
  | {
      type: "tool-approval-request";
      approvalId: string;
      toolCallId: string;
      approvalDescriptor?: unknown;
      inputSchemaInput?: unknown;
      reason?: string;
      isAutomatic?: boolean;
      signature?: string;
    }
  | {
      type: "tool-approval-response";
      approvalId: string;
      approved: boolean;
      reason?: string;
      providerExecuted?: boolean;
      providerMetadata?: Metadata;
    }
  | { type: "tool-output-denied"; toolCallId: string }
  | { type: "source-url"; sourceId: string; url: string; title?: string }
  | { type: "source-document"; sourceId: string; mediaType: string; title: string; filename?: string }
  | { type: "file" | "reasoning-file"; url: string; mediaType: string }
  | { type: `data-${string}`; id?: string; data: unknown; transient?: boolean };

export interface TextPart {
  readonly type: "text" | "reasoning";
  readonly text: string;
  readonly state?: "streaming" | "done";
  readonly providerMetadata?: Metadata;
}

export type ToolState =
  | "input-streaming"
  | "input-available"
  | "approval-requested"
  | "approval-responded"
  | "output-available"
  | "output-error"
  | "output-denied";

export interface ToolPart {
  readonly type: `tool-${string}` | "dynamic-tool";
  readonly toolCallId: string;
  readonly toolName?: string;
  readonly state: ToolState;
  readonly input?: unknown;
  readonly output?: unknown;
  readonly errorText?: string;
  readonly preliminary?: boolean;
}

/** Any part; narrow it with the functions below. */
export interface Part {
  readonly type: string;
  readonly [key: string]: unknown;
}

export function isText(part: Part): part is Part & TextPart {
  return part.type === "text";
}

export function isReasoning(part: Part): part is Part & TextPart {
  return part.type === "reasoning";
}

export function isTool(part: Part): part is Part & ToolPart {
  return part.type === "dynamic-tool" || part.type.startsWith("tool-");
}

/** The name of the tool that a tool part calls. */
export function toolName(part: ToolPart): string {
  return part.type === "dynamic-tool" ? (part.toolName ?? "tool") : part.type.slice("tool-".length);
}

/** The plain text of a message: its text parts, one after another. */
export function textOf(parts: readonly Part[]): string {
  let text = "";
  for (const part of parts) if (isText(part)) text += part.text;
  return text;
}
