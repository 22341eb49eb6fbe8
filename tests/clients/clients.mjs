// What clients make of the gateway at the address given, beside what docs/clients.md shows: a line
// of JSON.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { CombinedGraphQLErrors } from "@apollo/client/errors";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { Client, cacheExchange, fetchExchange } from "@urql/core";
import { persistedExchange } from "@urql/exchange-persisted";
import { createHash } from "node:crypto";
import { auditServer } from "graphql-http";

const url = process.argv[2];
const LUCKNOW = "query Lucknow { district(lgdCode: 162) { id slug } }";
const PRAYAGRAJ = "query Prayagraj { district(lgdCode: 161) { id slug } }";

/** A fetch, and how each request of it went. */
function noted() {
  const notes = [];
  async function noting(address, options = {}) {
    const response = await fetch(address, options);
    const type = response.headers.get("content-type").split(";")[0];
    notes.push([options.method ?? "GET", response.status, type]);
    return response;
  }
  return [noting, notes];
}

async function audited() {
  const results = await auditServer({ url });
  const failed = results.filter(({ status }) => status !== "ok");
  return { count: results.length, failed: failed.map(({ name, reason }) => `${name}: ${reason}`) };
}

function apollo(noting, ...links) {
  const link = ApolloLink.from([...links, new HttpLink({ uri: url, fetch: noting })]);
  return new ApolloClient({ cache: new InMemoryCache(), link });
}

async function apolloByHash() {
  const [noting, notes] = noted();
  const sha256 = (text) => createHash("sha256").update(text).digest("hex");
  const link = () => new PersistedQueryLink({ sha256, useGETForHashedQueries: true });
  const query = gql(LUCKNOW);
  for (const client of [apollo(noting, link()), apollo(noting, link())]) {
    await client.query({ query });
  }
  return notes;
}

async function apolloMistaken() {
  const [noting, notes] = noted();
  const query = gql`query Wrong { wrokers { id } }`;
  const { error } = await apollo(noting).query({ query, errorPolicy: "all" });
  const known = CombinedGraphQLErrors.is(error);
  return { codes: known ? error.errors.map((e) => e.extensions.code) : String(error), notes };
}

async function apolloWithoutRights() {
  const query = gql`query Numbers { workers(first: 1) { nodes { id mobile status } } }`;
  const { data, error } = await apollo(fetch).query({ query, errorPolicy: "all" });
  return { workers: data.workers.nodes, codes: error.errors.map((e) => e.extensions.code) };
}

async function urql(...exchanges) {
  const [noting, notes] = noted();
  const client = new Client({
    url,
    fetch: noting,
    exchanges: [cacheExchange, ...exchanges, fetchExchange],
    preferGetMethod: exchanges.length > 0,
  });
  await client.query(PRAYAGRAJ, {});
  await client.query(PRAYAGRAJ, {}, { requestPolicy: "network-only" });
  const { error } = await client.query("query Wrong { wrokers }", {});
  return { codes: error.graphQLErrors.map((e) => e.extensions.code), notes };
}

console.log(
  JSON.stringify({
    audit: await audited(),
    apolloByHash: await apolloByHash(),
    apolloMistaken: await apolloMistaken(),
    apolloWithoutRights: await apolloWithoutRights(),
    urql: await urql(),
    urqlByHash: await urql(persistedExchange({ preferGetForPersistedQueries: true })),
  }),
);
