/** Starts the page. */

import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import { listen, queries } from "./state/services.ts";
import { resumeOutbox } from "./state/turns.ts";
import "./styles.css";

listen();
resumeOutbox();

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <App />
    </QueryClientProvider>
  </StrictMode>,
);
