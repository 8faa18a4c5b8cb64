/** A typed client of the server's resources; every failure is an `ApiError`. */

import { ApiError, errorOf, networkError } from "./errors.ts";
import { afterWords } from "./times.ts";
import type { AnswerSettings, Conversation, Me, MessagePage, ModelList, Page, Submitted } from "./types.ts";

export interface ChatRequest {
  id: string;
  trigger: "submit-message" | "regenerate-message";
  message?: { id: string; role: "user"; parts: { type: "text"; text: string }[] };
  /** The message to edit (submit) or the answer to write anew (regenerate). */
  messageId?: string;
  parentId?: string;
  model?: string;
  settings?: AnswerSettings;
  whenBusy?: "enqueue" | "reject" | "interrupt";
}

type Query = Record<string, string | number | undefined>;

export class Api {
  private who: Promise<Me> | null = null;

  constructor(
    private readonly base = "",
    private readonly send: typeof fetch = (...args) => fetch(...args),
    /** The answer to the first `me`, asked while the page was still being loaded. */
    private early: Promise<Response> | undefined = undefined,
  ) {}

  /** Who we are; asked once, before anything else, so that parallel first requests do not make several guests. */
  me(): Promise<Me> {
    this.who ??= this.askMe().catch((error: unknown) => {
      this.who = null;
      throw error;
    });
    return this.who;
  }

  private async askMe(): Promise<Me> {
    const { early } = this;
    this.early = undefined;
    try {
      const response = await early;
      if (response?.ok) return (await response.json()) as Me;
    } catch {
      // Asked once more, and then it is told why.
    }
    return this.ask("GET", "/api/me");
  }

  /** Ask again with the next request: the session may be another. */
  forgetMe(): void {
    this.who = null;
  }

  models(): Promise<ModelList> {
    return this.call("GET", "/api/models");
  }

  favour(model: string, favourite: boolean): Promise<void> {
    return this.call(favourite ? "PUT" : "DELETE", `/api/models/favourites${queryOf({ model })}`);
  }

  conversations(query: { cursor?: string; limit?: number; q?: string }): Promise<Page<Conversation>> {
    return this.call("GET", `/api/conversations${queryOf(query)}`);
  }

  conversation(id: string): Promise<Conversation> {
    return this.call("GET", `/api/conversations/${encodeURIComponent(id)}`);
  }

  change(
    id: string,
    fields: Partial<Pick<Conversation, "title" | "model" | "settings" | "leaf_id">> & {
      /** `leaf_id` is the end itself, whatever stands below. */
      leaf_exact?: boolean;
    },
  ): Promise<Conversation> {
    return this.call("PATCH", `/api/conversations/${encodeURIComponent(id)}`, fields);
  }

  remove(id: string): Promise<void> {
    return this.call("DELETE", `/api/conversations/${encodeURIComponent(id)}`);
  }

  messages(id: string, cursor?: string): Promise<MessagePage> {
    return this.call(
      "GET",
      `/api/conversations/${encodeURIComponent(id)}/messages${queryOf({ cursor, limit: 2000 })}`,
    );
  }

  submit(request: ChatRequest): Promise<Submitted> {
    return this.call("POST", "/api/chat", request, { prefer: "respond-async" });
  }

  stop(conversation: string, run?: string): Promise<{ stopped: string[] }> {
    return this.call("POST", `/api/chat/${encodeURIComponent(conversation)}/stop`, run ? { run } : {});
  }

  /** Ask as who we are, which is found out before. */
  async call<T>(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<T> {
    await this.me();
    return this.ask(method, path, body, headers);
  }

  /** Ask at once, whoever we are. */
  async ask<T>(method: string, path: string, body?: unknown, more?: Record<string, string>): Promise<T> {
    const headers: Record<string, string> = { accept: "application/json", ...more };
    if (body !== undefined) headers["content-type"] = "application/json";
    let response: Response;
    try {
      response = await this.send(this.base + path, {
        method,
        headers,
        body: body === undefined ? null : JSON.stringify(body),
      });
    } catch {
      throw networkError();
    }
    if (!response.ok) throw await errorOf(response);
    if (response.status === 204) return undefined as T;
    try {
      return (await response.json()) as T;
    } catch {
      throw networkError();
    }
  }
}

/** A conversation that is not there for this session. */
export const NOT_OURS = "not_found:conversation";

/** What a person is told of a failure. */
export function wordsOf(error: unknown): string {
  if (!(error instanceof ApiError)) return "Something went wrong on this page. Reload it and try again.";
  if (error.code === NOT_OURS) return "This conversation belongs to another session, or was deleted.";
  if (error.kind !== "rate_limited" || !error.retryAfter) return error.message;
  return `${error.message} Try again ${afterWords(error.retryAfter, new Date())}.`;
}

function queryOf(query: Query): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined && value !== "") search.set(name, `${value}`);
  const text = search.toString();
  return text ? `?${text}` : "";
}
