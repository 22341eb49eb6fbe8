// Subscribes to a booking with graphql-ws and graphql-sse, as docs/live.md has it, and prints what
// each is told; first asks with both of Apollo Client's handlers for what comes in parts.
// node clients.mjs PORT TOKEN BOOKING
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { Defer20220824Handler, GraphQL17Alpha9Handler } from "@apollo/client/incremental";
import { createClient as createEvents } from "graphql-sse";
import { createClient as createSocket } from "graphql-ws";

const [port, authorization, booking] = process.argv.slice(2);
const address = `127.0.0.1:${port}/graphql`;
const say = (...told) => console.log(JSON.stringify(told));
const soon = () => new Promise((resolve) => setTimeout(resolve, 50));

const DEFERRED = gql`
  { district(lgdCode: 162) { id slug ... @defer { nameHi: name(language: HI) } } }
`;

for (const incrementalHandler of [new GraphQL17Alpha9Handler(), new Defer20220824Handler()]) {
  const client = new ApolloClient({
    link: new HttpLink({ uri: `http://${address}` }),
    cache: new InMemoryCache(),
    incrementalHandler,
  });
  const states = [];
  await new Promise((resolve, reject) => {
    client.watchQuery({ query: DEFERRED }).subscribe({
      next({ data, dataState }) {
        if (dataState !== "empty") states.push([dataState, data.district.nameHi ?? null]);
        if (dataState === "complete") resolve();
      },
      error: reject,
    });
  });
  say(incrementalHandler.constructor.name, states);
  client.stop();
}

const CHANGED = `subscription ($id: ID!, $after: String) {
  bookingChanged(bookingId: $id, after: $after) { eventId event booking { state } }
}`;

function watch(name, client) {
  const variables = { id: booking };
  client.subscribe(
    { query: CHANGED, variables },
    {
      next({ data, errors }) {
        if (errors) return say(name, "errors", errors);
        variables.after = data.bookingChanged.eventId;
        say(name, data.bookingChanged.event, data.bookingChanged.booking.state);
      },
      error: (error) => say(name, "error", String(error.message ?? error)),
      complete: () => say(name, "complete"),
    },
  );
}

const socket = createSocket({
  url: `ws://${address}`,
  connectionParams: async () => ({ authorization }),
  retryAttempts: 100,
  shouldRetry: () => true,
  retryWait: soon,
});
socket.on("closed", ({ code }) => say("ws", "closed", code));
watch("ws", socket);
// Answered after the subscription has begun.
for await (const _ of socket.iterate({ query: "{ __typename }" })) say("ws", "ready");

const events = createEvents({
  url: `http://${address}`,
  headers: async () => ({ authorization }),
  retryAttempts: 100,
  retry: soon,
  on: { connected: () => say("sse", "ready") },
});
watch("sse", events);
process.stdin.resume().on("end", () => process.exit());
