/** What is shown where the page itself fails, in place of nothing. */

import { Component, type ReactNode } from "react";
import { Button } from "./button.tsx";

export class Boundary extends Component<{ children: ReactNode }, { error: unknown }> {
  override state = { error: null as unknown };

  static getDerivedStateFromError(error: unknown) {
    return { error: error ?? new Error("Nothing was said.") };
  }

  override render() {
    const { error } = this.state;
    if (error === null) return this.props.children;
    return (
      <main
        role="alert"
        data-testid="error"
        className="grid h-dvh place-content-center justify-items-center gap-4 p-6 text-center"
      >
        <h1 className="text-lg font-semibold">This page failed</h1>
        <p className="max-w-md text-soft">
          Your conversations are safe, and what you wrote is kept. Reload the page to go on.
        </p>
        <p className="max-w-md font-mono text-xs break-words text-faint">
          {error instanceof Error ? error.message : String(error)}
        </p>
        <Button look="primary" onClick={() => location.reload()}>
          Reload
        </Button>
      </main>
    );
  }
}
