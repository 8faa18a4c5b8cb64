/** How the page is built, into the Python package, and how it is served while it is worked on. */

import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";
import { fakeServer } from "./dev/fake.ts";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const server = process.env.SERVER_URL ?? "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [react(), tailwindcss(), ...(process.env.FAKE_SERVER ? [fakeServer()] : [])],
  // Raw HTML of a model is shown as text, so its parser (the largest part of the markdown chunk) is left out.
  resolve: { alias: { "rehype-raw": here("./src/markdown/no-raw-html.ts") } },
  build: {
    outDir: "../src/threadline/static",
    emptyOutDir: true,
    target: "es2022",
    chunkSizeWarningLimit: 700,
    modulePreload: { polyfill: false },
  },
  server: process.env.FAKE_SERVER
    ? {}
    : { proxy: { "/api": { target: server, ws: true, changeOrigin: true } } },
});
