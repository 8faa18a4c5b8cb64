/** What an access token may be for. */

export const SCOPES: { scope: string; name: string; words: string }[] = [
  {
    scope: "all",
    name: "Everything",
    words: "all below, but not administration; never your account, keys or tokens",
  },
  { scope: "read", name: "Read", words: "conversations, answers and streams; nothing is changed" },
  { scope: "chat", name: "Chat", words: "conversations and answers" },
  { scope: "openai", name: "OpenAI’s API", words: "/v1/responses and /v1/chat/completions" },
  { scope: "streams", name: "Streams", words: "/v1/stream" },
];

export const ADMIN_SCOPE = {
  scope: "admin",
  name: "Administration",
  words: "users, limits, usage and the audit log",
};

/** How long a token lives, in days; null: until it is revoked. */
export const LIFETIMES: { days: number | null; name: string }[] = [
  { days: 7, name: "7 days" },
  { days: 30, name: "30 days" },
  { days: 90, name: "90 days" },
  { days: 365, name: "a year" },
  { days: null, name: "until it is revoked" },
];
