// Run as a program: sends the session on standard input with @segment/analytics-node, which is installed in the folder
// that the first argument names.
import { createRequire } from "node:module";
import { join } from "node:path";
import { text } from "node:stream/consumers";

const require = createRequire(join(process.argv[2], "package.json"));
const { Analytics } = require("@segment/analytics-node");

const session = JSON.parse(await text(process.stdin));
const failures = [];
const client = new Analytics({ writeKey: session.key, host: session.url, maxRetries: 1, flushAt: 15 });
client.on("error", (error) => failures.push(String(error.reason ?? error.code)));
for (const { type, ...call } of session.calls) {
  if (call.timestamp) call.timestamp = new Date(call.timestamp);
  client[type](call);
}
await client.closeAndFlush();
if (failures.length) {
  console.error("not delivered:", failures);
  process.exit(1);
}
