// Reduces sequences of UI message chunks (JSON lines) with the npm package `ai` 7; answers each with its message, as it is at the end.
import readline from "node:readline";
import { readUIMessageStream, validateUIMessages } from "ai7";

async function reduce(chunks) {
  const stream = new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      // Not every chunk makes the reader show what it did; this one does, and changes nothing.
      controller.enqueue({ type: "message-metadata", messageMetadata: {} });
      controller.close();
    },
  });
  let last = { id: "", metadata: undefined, parts: [] };
  const errors = [];
  for await (const message of readUIMessageStream({ stream, onError: (error) => errors.push(error.message) })) last = message;
  return { id: last.id, metadata: last.metadata ?? null, parts: last.parts, errors };
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await reduce(JSON.parse(line)))}\n`);
}
