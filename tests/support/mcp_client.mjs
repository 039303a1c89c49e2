// The official client of the Model Context Protocol, as mcp_official.sh wants it: says on standard
// output what it has seen, one line each, and goes on when it is told to on standard input.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import readline from "node:readline";

const [modules, program, ...options] = process.argv.slice(2);
const require = createRequire(pathToFileURL(`${modules}/x.js`));
const load = (name) => import(pathToFileURL(require.resolve(name)));
const { Client } = await load("@modelcontextprotocol/sdk/client/index.js");
const { StdioClientTransport } = await load("@modelcontextprotocol/sdk/client/stdio.js");
const { ToolListChangedNotificationSchema } = await load("@modelcontextprotocol/sdk/types.js");

const say = (...words) => console.log(words.join(" "));
const client = new Client({ name: "tests", version: "1.0.0" });
client.setNotificationHandler(ToolListChangedNotificationSchema, () => say("changed"));
client.onerror = (error) => say("mistake", error.message);
await client.connect(new StdioClientTransport({ command: program, args: options }));
say("server", client.getServerVersion().name, JSON.stringify(client.getServerCapabilities()));

const tell = async (name, args) => {
  try {
    const result = await client.callTool({ name, arguments: args });
    say("called", name, result.isError, result.content[0].text);
  } catch (error) {
    say("refused", name, error.code);
  }
};

const commands = {
  list: async () => {
    const { tools } = await client.listTools();
    say("tools", tools.map((tool) => tool.name).join(","), tools[0].inputSchema.type);
  },
  call: (name, text) => tell(name, text === undefined ? {} : { input: text }),
  cancel: async (name, text) => {
    const control = new AbortController();
    const call = client.callTool({ name, arguments: { input: text } }, undefined,
                                 { signal: control.signal });
    setTimeout(() => control.abort("enough"), 50);
    await call.then(() => say("finished"), () => say("cancelled"));
  },
  ping: async () => say("pong", JSON.stringify(await client.ping())),
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  const [command, ...words] = line.split(" ");
  await commands[command](...words);
  say("done", line);
}
await client.close();
say("closed");
