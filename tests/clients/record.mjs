// Writes one recording with @durable-streams/client's idempotent producer, several appends on their way at once, and
// sends again what the server did not answer while it was away.
import { DurableStream, IdempotentProducer } from "@durable-streams/client";

const { url, cookie, producer: { id, epoch }, chunks } = JSON.parse(process.argv[2]);
const headers = { cookie };
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function persistent(...request) {
  for (;;) {
    const answer = await fetch(...request).catch(() => undefined);
    // The client would send again for ever.
    if (answer?.status === 409 && answer.headers.has("stream-closed")) throw new Error("ended");
    if (answer && answer.status < 500) return answer;
    await pause(20);
  }
}

const failures = [];
const stream = new DurableStream({ url, headers, contentType: "application/json" });
const producer = new IdempotentProducer(stream, id, {
  epoch, lingerMs: 1, headers, fetch: persistent, onError: (error) => failures.push(String(error)),
});
for (const chunk of chunks) {
  producer.append(JSON.stringify(chunk));
  await pause(3);
}
await producer.flush();
await producer.close().catch((error) => failures.push(String(error)));
console.log(JSON.stringify({ failures }));
process.exit(0);
