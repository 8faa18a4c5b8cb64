/** An address to hand on. */

import { CopyButton } from "../ui/copy-button.tsx";

export function Address({ text, label, testId }: { text: string; label: string; testId: string }) {
  return (
    <div className="mt-2 flex items-center gap-2">
      <code
        data-testid={testId}
        className="min-w-0 grow rounded-lg bg-code px-3 py-2 font-mono text-[0.8125rem] break-all select-all"
      >
        {text}
      </code>
      <CopyButton label={label} text={() => text} testId={`copy-${testId}`} />
    </div>
  );
}
