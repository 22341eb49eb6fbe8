// Composes each folder of supergraphs/: supergraph.graphql as @theguild/federation-composition
// prints it, supergraph.apollo.graphql as @apollo/composition does. Run by hand, with both and
// graphql in NODE_PATH; what comes of it is committed.
const { readdirSync, readFileSync, writeFileSync } = require("node:fs");
const { join } = require("node:path");
const { parse } = require("graphql");
const composers = {
  "supergraph.graphql": require("@theguild/federation-composition").composeServices,
  "supergraph.apollo.graphql": require("@apollo/composition").composeServices,
};

const folder = join(__dirname, "supergraphs");
for (const name of readdirSync(folder)) {
  const files = readdirSync(join(folder, name)).filter((file) => !file.startsWith("supergraph."));
  const services = files.sort().map((file) => {
    const subgraph = file.replace(".graphql", "");
    const typeDefs = parse(readFileSync(join(folder, name, file), "utf8"));
    return { name: subgraph, url: `http://${subgraph}.${name}/graphql`, typeDefs };
  });
  for (const [file, composeServices] of Object.entries(composers)) {
    const result = composeServices(services);
    for (const error of result.errors ?? []) console.error(`${name}: ${error.message}`);
    if (result.errors?.length) process.exitCode = 1;
    else writeFileSync(join(folder, name, file), `${result.supergraphSdl.trim()}\n`);
  }
}
