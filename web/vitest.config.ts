/** How the page's own tests run: in Node, with a DOM only where a test asks for one. */

import { defineConfig } from "vitest/config";

// A busy machine may take its time; what waits for ever still ends.
const time = { testTimeout: 60_000, hookTimeout: 60_000 };

export default defineConfig({
  test: { include: ["tests/**/*.test.{ts,tsx}"], environment: "node", ...time },
});
