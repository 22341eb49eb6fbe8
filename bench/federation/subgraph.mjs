// `node subgraph.mjs NAME`: one subgraph over a made-up shop that never changes. What has been
// answered is remembered by the body that asked for it, so that routers are what is measured.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { buildASTSchema, concatAST, graphql, parse } from "graphql";

const [name] = process.argv.slice(2);
const [SIZE, REVIEWS] = [1_000, 3];
const MEMORY = 20_000;

const user = (id) => ({
  __typename: "User",
  id: `u${id}`,
  name: `User ${id}`,
  username: `@user_${id}`,
  birthday: `19${50 + (id % 50)}-0${1 + (id % 9)}-1${id % 10}`,
  reviews: () => numbers(REVIEWS).map((index) => review(id * 7 + index * 331)),
});
const product = (upc) => ({
  __typename: "Product",
  upc: `p${upc}`,
  name: `Product ${upc}`,
  price: 100 + ((upc * 37) % 900),
  weight: 1 + ((upc * 11) % 50),
  maker: `Maker ${upc % 17}`,
  inStock: (upc * 13) % 100,
  reviews: () => numbers(REVIEWS).map((index) => review(upc * REVIEWS + index)),
});
const review = (id) => ({
  __typename: "Review",
  id: `r${id}`,
  stars: 1 + (id % 5),
  body: `Review ${id}: what it promises it does, and I would buy it again.`,
  author: () => user((id * 7) % SIZE),
  product: () => product((id * 3) % SIZE),
});
const numbers = (size) => [...Array(size).keys()];
const number = (id) => Number(id.slice(1));

const ENTITIES = {
  User: ({ id }) => user(number(id)),
  Product: ({ upc, price, weight }) => ({
    ...product(number(upc)),
    // Of what the router says they are: a router that does not ask answers wrongly.
    shippingEstimate: () => Math.floor(price * weight / 10),
  }),
  Review: ({ id }) => review(number(id)),
};
const root = {
  user: ({ id }) => user(number(id)),
  product: ({ upc }) => product(number(upc)),
  products: ({ first, after }) => numbers(first).map((index) => product((after + index) % SIZE)),
  _entities: ({ representations }) =>
    representations.map((given) => ENTITIES[given.__typename](given)),
};

const text = readFileSync(new URL(`subgraphs/${name}.graphql`, import.meta.url), "utf8");
const entities = Object.keys(ENTITIES).filter((type) => text.includes(`type ${type} @key`));
const machinery = parse(`
  directive @link(url: String!, import: [String]) repeatable on SCHEMA
  directive @key(fields: String!) repeatable on OBJECT
  directive @external on FIELD_DEFINITION
  directive @requires(fields: String!) on FIELD_DEFINITION
  scalar _Any
  union _Entity = ${entities.join(" | ")}
  ${text.includes("type Query") ? "extend type Query" : "type Query"} {
    _entities(representations: [_Any!]!): [_Entity]!
  }
`);
const schema = buildASTSchema(concatAST([parse(text), machinery]), { assumeValidSDL: true });

const answers = new Map();
createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", async () => {
    const body = Buffer.concat(chunks).toString();
    let answer = answers.get(body);
    if (!answer) {
      const { query, variables, operationName } = JSON.parse(body);
      const asked = { schema, rootValue: root, source: query, operationName };
      answer = Buffer.from(JSON.stringify(await graphql({ ...asked, variableValues: variables })));
      if (answers.size === MEMORY) answers.clear();
      answers.set(body, answer);
    }
    response.writeHead(200, {
      "content-type": "application/json",
      "content-length": answer.length,
    });
    response.end(answer);
  });
}).listen(Number(process.env.PORT), "127.0.0.1");
