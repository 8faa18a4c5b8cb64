/** How the page's own tests run: in Node, with a DOM only where a test asks for one. */

import { defineConfig } from "vitest/config";

export default defineConfig({ test: { include: ["tests/**/*.test.{ts,tsx}"], environment: "node" } });
