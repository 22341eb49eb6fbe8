// Composes each folder of supergraphs/: supergraph.graphql is what @theguild/federation-composition
// prints, supergraph.apollo.graphql what @apollo/composition does.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { COMPOSERS } from "../../deploy/composers/composers.mjs";

const WRITTEN = {
  "supergraph.graphql": COMPOSERS["@theguild/federation-composition"],
  "supergraph.apollo.graphql": COMPOSERS["@apollo/composition"],
};

const supergraphs = new URL("supergraphs/", import.meta.url);
for (const name of readdirSync(supergraphs)) {
  const folder = new URL(`${name}/`, supergraphs);
  const files = readdirSync(folder).filter((file) => !file.startsWith("supergraph."));
  const subgraphs = files.sort().map((file) => {
    const subgraph = file.replace(".graphql", "");
    const sdl = readFileSync(new URL(file, folder), "utf8");
    return { name: subgraph, url: `http://${subgraph}.${name}/graphql`, sdl };
  });
  for (const [file, compose] of Object.entries(WRITTEN)) {
    const { errors, supergraph } = compose(subgraphs);
    for (const error of errors) console.error(`${name}: ${error.message}`);
    if (errors.length) process.exitCode = 1;
    else writeFileSync(new URL(file, folder), `${supergraph.trim()}\n`);
  }
}
