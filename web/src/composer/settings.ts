/** Settings of answers: what differs from the server's own, in words, and how one message differs from its conversation. */

import type { AnswerSettings } from "../protocol/types.ts";

/** What the server takes where nothing is chosen. */
export const SERVERS = { max_tokens: 4000, temperature: 0.7 } as const;

const NAMES = ["max_tokens", "temperature", "reasoning_effort", "system", "tools", "web_search"] as const;

/** Whether a setting is as the server has it anyway. */
export function isServers(name: keyof AnswerSettings, settings: AnswerSettings): boolean {
  const value = settings[name];
  if (value === undefined) return true;
  if (name === "max_tokens" || name === "temperature") return value === SERVERS[name];
  return value === null || value === "" || (name === "web_search" && value === false);
}

/** Only what differs from the server's own. */
export function reduced(settings: AnswerSettings): AnswerSettings {
  const kept = NAMES.filter((name) => !isServers(name, settings));
  return Object.fromEntries(kept.map((name) => [name, settings[name]]));
}

/** What a message has to say so that it is answered as `wanted`, in a conversation that says `defaults`. */
export function overrides(defaults: AnswerSettings, wanted: AnswerSettings): AnswerSettings {
  const differing = NAMES.filter((name) => {
    if (isServers(name, wanted)) return !isServers(name, defaults);
    return wanted[name] !== defaults[name];
  });
  return Object.fromEntries(
    differing.map((name) => [name, isServers(name, wanted) ? servers(name) : wanted[name]]),
  );
}

function servers(name: keyof AnswerSettings) {
  return name === "max_tokens" || name === "temperature" ? SERVERS[name] : null;
}

/** What differs from the server's own: "temperature 0.2", "tools off". */
export function differences(settings: AnswerSettings): string[] {
  return NAMES.filter((name) => !isServers(name, settings)).map((name) => wordsOf(name, settings));
}

function wordsOf(name: (typeof NAMES)[number], settings: AnswerSettings): string {
  switch (name) {
    case "max_tokens":
      return settings.max_tokens === null
        ? "as many tokens as the model gives"
        : `${settings.max_tokens} tokens`;
    case "temperature":
      return settings.temperature === null
        ? "the model’s temperature"
        : `temperature ${settings.temperature}`;
    case "reasoning_effort":
      return `effort ${settings.reasoning_effort}`;
    case "system":
      return "system prompt";
    case "tools":
      return settings.tools ? "tools on" : "tools off";
    case "web_search":
      return "web search";
  }
}
