// Composes each folder of supergraphs/ into its supergraph.graphql. See README.md.
const { readdirSync, readFileSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { parse } = require("graphql");
const { composeServices } = require("@theguild/federation-composition");

const folder = join(__dirname, "supergraphs");
for (const name of readdirSync(folder)) {
  const files = readdirSync(join(folder, name)).filter((file) => file !== "supergraph.graphql");
  const services = files.sort().map((file) => {
    const subgraph = file.replace(".graphql", "");
    const typeDefs = parse(readFileSync(join(folder, name, file), "utf8"));
    return { name: subgraph, url: `http://${subgraph}.${name}/graphql`, typeDefs };
  });
  const result = composeServices(services);
  for (const error of result.errors ?? []) console.error(`${name}: ${error.message}`);
  if (result.errors?.length) process.exitCode = 1;
  else writeFileSync(join(folder, name, "supergraph.graphql"), `${result.supergraphSdl.trim()}\n`);
}
