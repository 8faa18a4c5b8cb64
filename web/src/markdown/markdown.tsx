/** A model's markdown, while it streams and after; loaded after the page's first paint. */

import { type ComponentProps, isValidElement, memo, type ReactNode, useState } from "react";
import { type Components, defaultRehypePlugins, Streamdown } from "streamdown";
import { CodeBlock } from "./code-block.tsx";

type Of<T extends keyof React.JSX.IntrinsicElements> = ComponentProps<T> & { node?: unknown };

/** An element as it is, without the look that streamdown would give it: ours is in prose.css. */
function plain<T extends keyof React.JSX.IntrinsicElements>(Tag: T) {
  return ({ node: _, ...props }: Of<T>) => {
    const Element = Tag as unknown as React.ElementType;
    return <Element {...props} />;
  };
}

function Link({ node: _, href, children, ...props }: Of<"a">) {
  const inside = href?.startsWith("#") || href?.startsWith("/");
  const away = inside ? {} : { target: "_blank", rel: "noopener noreferrer nofollow" };
  return (
    <a {...props} {...away} href={href}>
      {children}
    </a>
  );
}

/** A picture elsewhere is asked for only when the reader wants it: its address could carry what was said here. */
function Picture({ node: _, src, alt, ...props }: Of<"img">) {
  const [wanted, setWanted] = useState(false);
  if (typeof src !== "string" || src === "" || src.startsWith("streamdown:")) return null;
  const near = src.startsWith("data:") || src.startsWith("blob:") || src.startsWith("/");
  if (near || wanted)
    return <img {...props} src={src} alt={alt ?? ""} loading="lazy" referrerPolicy="no-referrer" />;
  return (
    <button
      type="button"
      onClick={() => setWanted(true)}
      className="my-1 rounded-lg border border-line px-3 py-1.5 text-sm text-soft hover:bg-hover"
    >
      Show picture{alt ? `: ${alt}` : ""} ({hostOf(src)})
    </button>
  );
}

function hostOf(address: string): string {
  try {
    return new URL(address).host;
  } catch {
    return "elsewhere";
  }
}

function Pre({ children }: Of<"pre">) {
  if (!isValidElement<{ className?: string; children?: ReactNode }>(children)) return <pre>{children}</pre>;
  const { className, children: text } = children.props;
  const language = /language-([^\s]+)/.exec(className ?? "")?.[1]?.toLowerCase() ?? "";
  return <CodeBlock language={language} code={String(text ?? "").replace(/\n$/, "")} />;
}

function Table({ node: _, ...props }: Of<"table">) {
  return (
    <div className="table-frame" tabIndex={0} role="group" aria-label="Table">
      <table {...props} />
    </div>
  );
}

// Module constants: streamdown renders every block again when one of these changes.
const COMPONENTS = {
  ...Object.fromEntries(
    (
      [
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "p",
        "ul",
        "ol",
        "li",
        "blockquote",
        "hr",
        "strong",
        "em",
        "sup",
        "sub",
      ] as const
    ).map((tag) => [tag, plain(tag)]),
  ),
  ...Object.fromEntries(
    (["thead", "tbody", "tr", "th", "td", "section", "code"] as const).map((tag) => [tag, plain(tag)]),
  ),
  a: Link,
  img: Picture,
  pre: Pre,
  table: Table,
} as unknown as Components;
const REHYPE = [defaultRehypePlugins.sanitize!, defaultRehypePlugins.harden!];
const LINKS = { enabled: false };

export default memo(function Markdown({ text, streaming }: { text: string; streaming: boolean }) {
  return (
    <Streamdown
      className="prose-blocks"
      components={COMPONENTS}
      rehypePlugins={REHYPE}
      linkSafety={LINKS}
      controls={false}
      isAnimating={streaming}
    >
      {text}
    </Streamdown>
  );
});
