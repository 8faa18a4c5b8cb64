/** What is shown to somebody whom the server does not let in. */

import { Mark } from "./icons.tsx";

export function NoGuests() {
  return (
    <main className="grid h-dvh place-content-center justify-items-center gap-3 p-6 text-center">
      <Mark className="size-11" />
      <h1 className="mt-3 text-lg font-semibold">This server takes no guests</h1>
      <p className="max-w-md text-soft">
        Only programs with an access token may use it. Whoever runs it can let people in with{" "}
        <code className="font-mono text-sm">THREADLINE_GUESTS=on</code>; this page goes on by itself then.
      </p>
    </main>
  );
}
