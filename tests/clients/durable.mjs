// Writes or follows one stream with @durable-streams/client: the command and its options are the arguments, what
// happens goes out as JSON lines.
import { DurableStream, IdempotentProducer, stream } from "@durable-streams/client";

const [command, options] = [process.argv[2], JSON.parse(process.argv[3])];
const { url, token, type, live, count } = options;
const headers = { authorization: `Bearer ${token}` };
const patient = { initialDelay: 20, maxDelay: 200, multiplier: 1.5 };
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** The same request until a server takes or refuses it: the package's own retries would keep refusals from its producer. */
async function persistent(...request) {
  for (;;) {
    try {
      const answer = await fetch(...request);
      if (answer.status < 500) return answer;
    } catch {
      // The server is away.
    }
    await pause(20);
  }
}

const commands = {
  async create() {
    await DurableStream.create({ url, headers, contentType: type });
    say(await DurableStream.head({ url, headers }));
  },

  /** As an idempotent producer that sends again what it does not know to be written. */
  async write() {
    const handle = new DurableStream({ url, headers, contentType: type });
    const failures = [];
    const producer = new IdempotentProducer(handle, "npm", {
      lingerMs: 1, headers, fetch: persistent, onError: (error) => failures.push(String(error)),
    });
    for (let n = 0; n < count; n += 1) {
      producer.append(JSON.stringify(n));
      await pause(4);
    }
    await producer.flush();
    say({ closed: await producer.close(), failures });
  },

  /** To the end of the stream; where the package gives up, from the last offset that it told. */
  async follow() {
    let offset = "-1";
    let restarts = 0;
    for (let closed = false; !closed; ) {
      try {
        const answer = await stream({ url, headers, live, offset, backoffOptions: patient });
        const hear = ({ items, text, ...at }) => {
          ({ offset } = at);
          closed ||= at.streamClosed;
          say({ items, text, offset });
        };
        if (type === "application/json") answer.subscribeJson(hear);
        else answer.subscribeText(hear);
        await answer.closed;
        closed ||= answer.streamClosed;
      } catch {
        restarts += 1;
        await pause(50);
      }
    }
    say({ restarts });
  },
};

try { await commands[command](); } catch (error) { say({ failed: `${error?.stack ?? error}`, status: error?.status }); }
process.exit(0);
