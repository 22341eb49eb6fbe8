// Composes subgraphs/ into supergraph.graphql, which is committed.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { composeServices } from "@theguild/federation-composition";
import { parse } from "graphql";

const SUBGRAPHS = new URL("subgraphs/", import.meta.url);
const services = readdirSync(SUBGRAPHS).sort().map((file) => {
  const name = file.replace(".graphql", "");
  const typeDefs = parse(readFileSync(new URL(file, SUBGRAPHS), "utf8"));
  return { name, url: `http://${name}/graphql`, typeDefs };
});
const { errors = [], supergraphSdl } = composeServices(services);
for (const error of errors) console.error(error.message);
if (errors.length) process.exit(1);
writeFileSync(new URL("supergraph.graphql", import.meta.url), `${supergraphSdl.trim()}\n`);
