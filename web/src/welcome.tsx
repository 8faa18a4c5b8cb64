/** What an empty chat shows: a word of welcome, and ways to begin. */

import { Mark } from "./ui/icons.tsx";

const PROMPTS: { title: string; rest: string; text: string }[] = [
  {
    title: "Explain an idea",
    rest: "why the sky is blue, for a ten-year-old",
    text: "Explain why the sky is blue, as you would to a ten-year-old.",
  },
  {
    title: "Write some code",
    rest: "a Python function that merges intervals",
    text: "Write a Python function that merges overlapping intervals, with a short test.",
  },
  {
    title: "Compare choices",
    rest: "SQLite or PostgreSQL for a small service",
    text: "Compare SQLite and PostgreSQL for a small web service, as a table.",
  },
  {
    title: "Plan something",
    rest: "three calm days in Lisbon",
    text: "Plan three calm days in Lisbon for two people who like walking and good food.",
  },
];

export function Greeting() {
  const hour = new Date().getHours();
  const part = hour < 5 ? "evening" : hour < 12 ? "morning" : hour < 18 ? "afternoon" : "evening";
  return (
    <div className="flex min-h-40 grow flex-col items-center justify-end pb-8 text-center">
      <Mark className="size-11" />
      <h2 className="mt-5 text-[1.75rem] leading-tight font-semibold tracking-[-0.022em] max-sm:text-2xl">
        Good {part}.
      </h2>
      <p className="mt-2 text-soft">What would you like to think through?</p>
    </div>
  );
}

interface Props {
  /** Why nothing can be sent; null where it can. */
  blocked: string | null;
  onPick(text: string): void;
}

export function Suggestions({ blocked, onPick }: Props) {
  return (
    <div className="column grow-[1.4]">
      <ul aria-label="Suggestions" className="mt-4 grid gap-2 sm:grid-cols-2">
        {PROMPTS.map((prompt) => (
          <li key={prompt.title}>
            <button
              type="button"
              data-testid="suggestion"
              // Not `disabled`, so that the reason can be read from it.
              aria-disabled={blocked !== null}
              title={blocked ?? undefined}
              onClick={() => blocked === null && onPick(prompt.text)}
              className="h-full w-full rounded-2xl border border-line px-4 py-3 text-left transition-colors hover:border-thread hover:bg-raised aria-disabled:cursor-default aria-disabled:text-faint aria-disabled:hover:border-line aria-disabled:hover:bg-transparent"
            >
              <span className="block text-sm font-medium">{prompt.title}</span>
              <span className="block text-sm text-faint">{prompt.rest}</span>
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
