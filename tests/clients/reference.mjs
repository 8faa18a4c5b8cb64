// The peer of the append benchmark: the reference Durable Streams server, in memory or (with a folder) on disk.
import { DurableStreamTestServer } from "@durable-streams/server";

const [port, dataDir] = process.argv.slice(2);
const server = new DurableStreamTestServer({ port: Number(port), host: "127.0.0.1", ...(dataDir ? { dataDir } : {}) });
await server.start();
