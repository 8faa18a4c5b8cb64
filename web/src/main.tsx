/** Starts the page. */

import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";
import { shareOutbox } from "./state/outbox.ts";
import { listen, queries } from "./state/services.ts";
import { shareUser } from "./state/session.ts";
import { resumeOutbox } from "./state/turns.ts";
import { resumeWishes } from "./state/wishes.ts";
import { Boundary } from "./ui/boundary.tsx";
import "./styles.css";

listen();
shareOutbox(window);
shareUser(window);
resumeWishes();
resumeOutbox();

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <Boundary>
      <QueryClientProvider client={queries}>
        <App />
      </QueryClientProvider>
    </Boundary>
  </StrictMode>,
);
