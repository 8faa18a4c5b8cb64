/** The parts of an answer in their order, each rendered anew only when it changed. */

import { memo } from "react";
import { isReasoning, isText, isTool, type Part } from "../protocol/events.ts";
import { Reasoning } from "./reasoning.tsx";
import { AnswerText } from "./text.tsx";
import { ToolCall } from "./tool-call.tsx";

interface Props {
  message: string;
  parts: readonly Part[];
  /** The answer is being written. */
  live: boolean;
}

interface OneProps {
  name: string;
  part: Part;
  live: boolean;
  growing: boolean;
  /** The answer went on behind it. */
  past: boolean;
}

const One = memo(function One({ name, part, live, growing, past }: OneProps) {
  if (isText(part))
    return part.text ? <AnswerText testId="message-text" text={part.text} streaming={growing} /> : null;
  if (isReasoning(part)) return <Reasoning name={name} text={part.text} streaming={growing} />;
  if (isTool(part)) return <ToolCall part={part} live={live} past={past} />;
  if (part.type === "file") return <File url={String(part.url)} mediaType={String(part.mediaType)} />;
  return null;
});

export function Parts({ message, parts, live }: Props) {
  const last = parts.length - 1;
  const sources = parts.filter((part) => part.type === "source-url" || part.type === "source-document");
  return (
    <>
      {parts.map((part, at) => {
        const growing = live && at === last && part.state === "streaming";
        const name = `${message}:${at}`;
        const past = isTool(part) && parts.slice(at + 1).some(isWorded);
        return <One key={name} name={name} part={part} live={live} growing={growing} past={past} />;
      })}
      {sources.length > 0 && <Sources sources={sources} />}
    </>
  );
}

function isWorded(part: Part): boolean {
  return (isText(part) || isReasoning(part)) && part.text !== "";
}

/** Whether there is anything to see yet. */
export function isVisible(parts: readonly Part[]): boolean {
  return parts.some((part) => part.type !== "step-start" && !(isText(part) && part.text === ""));
}

function Sources({ sources }: { sources: Part[] }) {
  return (
    <ul aria-label="Sources" className="mt-3 flex flex-wrap gap-1.5">
      {sources.map((source, at) => {
        const title = String(source.title ?? source.filename ?? source.url ?? "Source");
        const look =
          "block max-w-64 truncate rounded-full border border-line bg-raised px-3 py-1 text-xs text-soft";
        const url = typeof source.url === "string" && /^https?:/.test(source.url) ? source.url : null;
        return (
          <li key={String(source.sourceId ?? at)}>
            {url ? (
              <a
                href={url}
                target="_blank"
                rel="noopener noreferrer nofollow"
                className={`${look} hover:text-ink`}
                title={url}
              >
                {title}
              </a>
            ) : (
              <span className={look}>{title}</span>
            )}
          </li>
        );
      })}
    </ul>
  );
}

function File({ url, mediaType }: { url: string; mediaType: string }) {
  const safe = /^(https?:|\/|blob:)/.test(url) || /^data:image\/(png|jpe?g|gif|webp|avif)/.test(url);
  if (!safe) return null;
  if (mediaType.startsWith("image/")) {
    return (
      <img src={url} alt="Made by the model" className="my-3 max-h-[28rem] rounded-xl border border-line" />
    );
  }
  return (
    <a
      href={url}
      download
      className="my-3 inline-block rounded-xl border border-line px-3.5 py-2 text-sm hover:bg-hover"
    >
      Download file ({mediaType})
    </a>
  );
}
