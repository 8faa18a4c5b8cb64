/** The resources of the HTTP interface, as this page sees them. */

import type { Part } from "./events.ts";

export type ConversationStatus = "idle" | "streaming" | "completed" | "error";
export type MessageStatus = "streaming" | "queued" | "completed" | "stopped" | "error" | "interrupted";
export type RunStatus = "queued" | "running" | "completed" | "stopped" | "error" | "interrupted";

export interface Me {
  id: string;
  kind: "guest" | "registered" | "service";
  name: string | null;
  email: string | null;
  /** Somebody else than the user has said that the address is his. */
  email_verified: boolean;
  role: "user" | "admin";
  has_password: boolean;
}

export interface Model {
  id: string;
  provider: string;
  provider_name: string;
  name: string;
  /** Null where nobody told. */
  capabilities: Partial<Record<Capability, boolean | null>>;
  /** Tokens. */
  context: number | null;
  output_limit: number | null;
  price: Price | null;
  /** How our own calls of it went of late. */
  health: "ok" | "slow" | "failing" | null;
  /** The day from which it does not answer any more. */
  retires: string | null;
  available: boolean;
  /** Why it is not available, for people. */
  reason: string | null;
  /** Whose key calls it; null: nobody has one. */
  key: "user" | "server" | null;
  favourite: boolean;
}

export type Capability = "tools" | "reasoning" | "vision" | "files" | "audio" | "structured" | "search";

/** US dollars for a million tokens; null is as for `input`. */
export interface Price {
  input: number;
  output: number;
  cached: number | null;
}

export const EFFORTS = ["none", "minimal", "low", "medium", "high", "xhigh", "max"] as const;
export type Effort = (typeof EFFORTS)[number];

/** How to answer. What is absent is as the server has it; null leaves it to the model. */
export interface AnswerSettings {
  max_tokens?: number | null;
  temperature?: number | null;
  system?: string | null;
  reasoning_effort?: Effort | null;
  tools?: boolean | null;
  web_search?: boolean | null;
}

export interface ModelList {
  items: Model[];
  default: string | null;
}

export type Role = "owner" | "participant" | "observer";
export type Visibility = "private" | "link" | "public";

/** Somebody, as others see him. */
export interface Person {
  id: string;
  name: string | null;
}

export interface Conversation {
  id: string;
  title: string | null;
  status: ConversationStatus;
  model: string | null;
  /** Those of its answers, where a message says nothing else; its owner alone is told. */
  settings?: AnswerSettings;
  leaf_id: string | null;
  /** Unix seconds. */
  created_at: number;
  updated_at: number;
  /** What one is in it; one's own has `owner` null. Absent while only this page knows of it. */
  role?: Role;
  owner?: Person | null;
  visibility?: Visibility;
}

export interface Message {
  id: string;
  role: "user" | "assistant" | "system";
  parts: Part[];
  parent_id: string | null;
  /** The id that the client gave it which sent it. */
  client_id?: string | null;
  /** Who said it, where that is not the owner of the conversation. */
  author_id?: string | null;
  created_at: number;
  metadata: Record<string, unknown>;
  status: MessageStatus;
  run_id: string | null;
}

export interface Run {
  id: string;
  conversation_id: string;
  message_id: string;
  parent_id: string | null;
  status: RunStatus;
  created_at?: number;
}

export interface Page<T> {
  items: T[];
  next: string | null;
}

export interface MessagePage extends Page<Message> {
  leaf_id: string | null;
  runs: Run[];
}

/** What a submit answers: the run that was wanted, its answer's id, and the id of the message it answers. */
export interface Submitted {
  run_id: string;
  conversation_id: string;
  message_id: string;
  parent_id: string;
  duplicate: boolean;
}

/** A change of something that is the user's, in the order in which it happened. */
export interface MessageAdded {
  type: "message.added";
  conversation_id: string;
  message: Message;
  /** The message is too large for the feed, and comes without its parts. */
  truncated?: boolean;
}

export type FeedEvent =
  | { type: "conversation.created" | "conversation.updated"; conversation: Conversation }
  | { type: "conversation.deleted"; id: string }
  | { type: "forgotten" }
  | MessageAdded
  | { type: "run.queued" | "run.started" | "run.finished"; run: Run };

const ACTIVE: ReadonlySet<string> = new Set(["queued", "running", "streaming"]);

/** Whether an answer may still grow. */
export function isActive(status: string): boolean {
  return ACTIVE.has(status);
}
