// The router in front of the subgraphs: whom it asks, what it passes on, how it signs.
//   GATEWAY_SECRET   the secret that the subgraphs know GATEWAY_NAME by
//   WORKER_URL …     where each subgraph is, as http://host:port/graphql
import { createHmac, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { defineConfig } from "@graphql-hive/gateway";

const {
  GATEWAY_NAME = "router",
  GATEWAY_SECRET,
  HOST = "127.0.0.1",
  PORT = "4000",
  TOKEN_LIMIT = "5000",
  DEPTH_LIMIT = "25",
} = process.env;
const SUBGRAPHS = ["worker", "skill", "booking", "review"];
const SUPERGRAPH = new URL("../../schema/sdl/supergraph.graphql", import.meta.url);
const PASSED_ON = [
  "authorization",
  "accept-language",
  "x-request-id",
  "traceparent",
];

/** What subgraphs go by of a client, in the order in which it is signed. */
const FORWARDED = ["authorization", "accept-language", "x-request-id", "x-forwarded-for"];

if (!GATEWAY_SECRET) throw new Error("GATEWAY_SECRET is required: subgraphs answer signed calls only.");

/** As runtime/signature.py checks it: what is signed is what is sent, so it is done last. */
function signed(url, options) {
  const { pathname } = new URL(url);
  const headers = new Headers(options.headers);
  const at = Math.floor(Date.now() / 1000);
  const nonce = randomUUID();
  const forwarded = FORWARDED.map((name) => headers.get(name) ?? "");
  const hmac = createHmac("sha256", GATEWAY_SECRET)
    .update([options.method, pathname, at, nonce, ...forwarded, ""].join("\n"), "latin1")
    .update(options.body)
    .digest("hex");
  headers.set("gateway-signature", `${GATEWAY_NAME} ${at} ${nonce} ${hmac}`);
  return { ...options, headers: Object.fromEntries(headers) };
}

/** The client's address, behind those that it says it speaks for. */
function addresses(request, context) {
  const said = request.headers.get("x-forwarded-for");
  return [said, context?.req?.socket?.remoteAddress].filter(Boolean).join(", ") || undefined;
}

const signing = {
  onFetch({ fetchFn, setFetchFn }) {
    setFetchFn((url, options, ...more) => fetchFn(url, signed(url, options), ...more));
  },
};

/** Why a client asks for what needs a reason; whatever else its extensions say is not passed on. */
const reasoning = {
  onSubgraphExecute({ executionRequest, setExecutionRequest }) {
    const reason = executionRequest.context?.params?.extensions?.reason;
    if (reason !== undefined) {
      const extensions = { ...executionRequest.extensions, reason };
      setExecutionRequest({ ...executionRequest, extensions });
    }
  },
};

export const gatewayConfig = defineConfig({
  host: HOST,
  port: Number(PORT),
  supergraph: () => readFileSync(SUPERGRAPH, "utf8"),
  pollingInterval: 10_000,
  transportEntries: Object.fromEntries(
    SUBGRAPHS.map((name) => [name, { location: process.env[`${name.toUpperCase()}_URL`] }]),
  ),
  propagateHeaders: {
    fromClientToSubgraphs: ({ request, context }) => ({
      ...Object.fromEntries(PASSED_ON.map((name) => [name, request.headers.get(name)])),
      "x-forwarded-for": addresses(request, context),
    }),
  },
  plugins: () => [reasoning, signing],
  // What subgraphs take at once (REPRESENTATION_LIMIT); the router asks again for the rest.
  __experimental__batchDelegateOptions: { maxBatchSize: 1_000 },
  // Our errors have codes of their own; which subgraph they came from is nobody's business.
  subgraphErrors: false,
  maxTokens: Number(TOKEN_LIMIT),
  maxDepth: Number(DEPTH_LIMIT),
  landingPage: false,
  graphiql: false,
});
