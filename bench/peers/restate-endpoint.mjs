// Serves the counter's machine as a Restate object. Needs Node 22.
import { createServer } from "node:http2";
import { createEndpointHandler } from "@restatedev/restate-sdk";
import { xstate } from "@restatedev/xstate";
import { assign, setup } from "xstate";
import { counterMachine } from "../../dist/bench/engine/counter-machine.js";

const services = [xstate("counter", counterMachine({ assign, setup }))];
const server = createServer(createEndpointHandler({ services }));
server.listen(0, "127.0.0.1", () => process.send({ port: server.address().port }));
