// Serves the three subgraphs of supergraphs/apollo with @apollo/subgraph, each on a port of its
// own, and prints the ports. Ends with its standard input.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { buildSubgraphSchema } from "@apollo/subgraph";
import { graphql, GraphQLError, parse } from "graphql";

const NINA = { __typename: "Author", name: "Nina", country: "IN" };
const NILS = { __typename: "Author", name: "Nils", country: "SE" };
const MEDIA = [
  { __typename: "Book", id: "b1", title: "Rivers", pages: 100, size: { width: 14, height: 21 }, author: NINA },
  { __typename: "Film", id: "f1", title: "Monsoon", minutes: 90 },
  { __typename: "Book", id: "b2", title: "Roads", pages: 7, size: { width: 10, height: 15 }, author: NILS },
  { __typename: "Film", id: "f2", title: "Silence", minutes: null },
];
const LOANS = [
  { number: 1, days: 3, book: { id: "b1", title: "Rivers" } },
  { number: 2, days: 9, book: { id: "b2", title: "Roads" } },
];
const STARS = { b1: 5, f1: 3, b2: null };

const medium = ({ id }) => MEDIA.find((one) => one.id === id);
const known = (all) => ({ name, country }) => all.find((one) => one.name === name && one.country === country);
const kind = { __resolveType: ({ __typename }) => __typename };

const RESOLVERS = {
  catalogue: {
    Query: {
      media: () => MEDIA,
      search: (_, { text }) => [...MEDIA.filter(({ title }) => title.startsWith(text)), NILS],
      version: () => "7",
    },
    Mutation: {
      rename: (_, { id, title }) => {
        const found = medium({ id });
        if (found) found.title = title;
        return found;
      },
    },
    Medium: kind,
    Found: kind,
    Book: { __resolveReference: medium },
    Film: { __resolveReference: medium },
    Author: { __resolveReference: known([NINA, NILS]) },
  },
  lending: {
    Query: { loans: () => LOANS, version: () => "7" },
    Mutation: {
      lend: (_, { id, days }) => {
        if (days > 30) throw new GraphQLError("Too long.", { extensions: { code: "TOO_LONG" } });
        return { number: 3, days, book: { id } };
      },
    },
    Loan: { __resolveReference: ({ number }) => LOANS.find((one) => one.number === number) },
    Book: { postage: ({ pages, size }, { perPage }) => pages * perPage + size.width },
  },
  ratings: {
    Query: { best: () => ({ __typename: "Film", id: "f1" }) },
    Rated: kind,
    Book: {
      stars: ({ id }) => STARS[id],
      verdict: ({ id }) => {
        if (id === "b2") throw new Error("Nobody has read it.");
        return "Read it.";
      },
    },
    Film: { stars: ({ id }) => STARS[id], fans: ({ id }) => STARS[id] ?? 0 },
    Author: { prizes: ({ name }) => (name === "Nina" ? ["Jnanpith"] : []) },
  },
};

const ports = {};
for (const [name, resolvers] of Object.entries(RESOLVERS)) {
  const text = readFileSync(new URL(`supergraphs/apollo/${name}.graphql`, import.meta.url), "utf8");
  const schema = buildSubgraphSchema([{ typeDefs: parse(text), resolvers }]);
  const server = createServer(async (request, response) => {
    const { query, variables } = await json(request);
    const answer = await graphql({ schema, source: query, variableValues: variables });
    response.setHeader("content-type", "application/json").end(JSON.stringify(answer));
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  ports[name] = server.address().port;
}
console.log(JSON.stringify(ports));
process.stdin.resume().on("end", () => process.exit());
