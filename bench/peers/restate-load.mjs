// Sends events to counters by way of Restate's ingress, each after the answer to the one before, and answers with the rates.
import { connect } from "node:http2";
import { inParallel, perSecond } from "../../dist/bench/in-parallel.js";

const { url, actors, transitions, atOnce, connections } = JSON.parse(process.argv[2]);

const sessions = Array.from({ length: connections }, () => connect(url));
let next = 0;

/** Calls a handler of a counter. */
function call(index, handler, body) {
  next = (next + 1) % sessions.length;
  const text = JSON.stringify(body);
  const stream = sessions[next].request({
    ":method": "POST",
    ":path": `/counter/c-${index % actors}/${handler}`,
    "content-type": "application/json",
  });
  stream.end(text);
  return new Promise((resolve, reject) => {
    let status = 0;
    let answer = "";
    stream.setEncoding("utf8");
    stream.on("response", (headers) => {
      status = headers[":status"];
    });
    stream.on("data", (chunk) => {
      answer += chunk;
    });
    stream.on("error", reject);
    stream.on("end", () =>
      status === 200 ? resolve(answer) : reject(new Error(`${handler}: ${status} ${answer}`)),
    );
  });
}

const create = (index) => call(index, "create", { input: { owner: `owner ${index}` } });
const send = (index) => call(index, "send", { event: { type: "NEXT" } });
const created = await perSecond(actors, () => inParallel(actors, atOnce, create));
await inParallel(actors, atOnce, send);
const rate = await perSecond(transitions, () => inParallel(transitions, atOnce, send));
process.send({ created, transitions: rate }, () => process.exit(0));
