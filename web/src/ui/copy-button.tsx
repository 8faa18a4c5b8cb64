/** Copies a text and says for a moment that it did. */

import { useEffect, useState } from "react";
import { IconButton } from "./button.tsx";
import { Check, Copy } from "./icons.tsx";

interface Props {
  text: () => string;
  label: string;
  testId?: string;
}

export function CopyButton({ text, label, testId }: Props) {
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(false), 1600);
    return () => clearTimeout(timer);
  }, [done]);
  return (
    <IconButton
      size="small"
      label={done ? "Copied" : label}
      data-testid={testId}
      onClick={async () => setDone(await copy(text()))}
    >
      {done ? <Check className="size-4 text-accent" /> : <Copy />}
    </IconButton>
  );
}

/** Put a text on the clipboard, also where the page is not a secure context; false where the browser refuses. */
async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.style.cssText = "position:fixed;opacity:0";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}
