// Goes once through everything with OpenAI's own Node client, and prints what it saw as one line of JSON.
import OpenAI from "openai";

const [baseURL, apiKey, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const seen = {};

async function texts(stream, most = Infinity) {
  const found = { text: "", numbers: [], types: [] };
  for await (const event of stream) {
    if (event.type === "response.created") found.id = event.response.id;
    if (event.type === "response.output_text.delta") found.text += event.delta;
    found.numbers.push(event.sequence_number);
    found.types.push(event.type);
    if (found.numbers.length >= most) break;
  }
  return found;
}

seen.models = [];
for await (const one of client.models.list()) seen.models.push(one.id);
seen.stream = await texts(await client.responses.create({ model, input: "Tell me.", stream: true }));
const dropped = await texts(await client.responses.create({ model, input: "Tell me.", stream: true, background: true }), 8);
const rest = await texts(await client.responses.retrieve(dropped.id, { stream: true, starting_after: dropped.numbers.at(-1) }));
seen.dropped = { text: dropped.text + rest.text, numbers: [...dropped.numbers, ...rest.numbers] };
const whole = await client.responses.create({ model, input: "Tell me." });
seen.whole = whole.output_text;
const next = await client.responses.create({ model, input: "More.", previous_response_id: whole.id });
seen.inputs = [];
for await (const item of client.responses.inputItems.list(next.id, { order: "asc", limit: 2 })) seen.inputs.push(item.type);
const helper = client.responses.stream({ model, input: "Tell me." });
seen.helper = (await helper.finalResponse()).output_text;
const going = await client.responses.create({ model, input: "Tell me.", background: true });
seen.cancelled = (await client.responses.cancel(going.id)).status;
await client.responses.delete(going.id);
seen.gone = await client.responses.retrieve(going.id).catch((error) => error.status);
seen.chat = (await client.chat.completions.create({ model, messages: [{ role: "user", content: "Tell me." }] })).choices[0].message.content;
seen.chunks = "";
const chunks = await client.chat.completions.create({ model, messages: [{ role: "user", content: "Tell me." }], stream: true });
for await (const chunk of chunks) seen.chunks += chunk.choices[0]?.delta.content ?? "";
seen.wrong = await client.responses.create({ model, input: 5 }).catch((error) => [error.status, error.param, error.code]);
seen.stranger = await new OpenAI({ baseURL, apiKey: "nobody" }).models.list().catch((error) => error.status);
console.log(JSON.stringify(seen));
