// Composes the subgraphs in schema/sdl with the composers of three vendors. None may have an error,
// and each hint stands in hints.json with its reason. The supergraph is @theguild's.
import { readFileSync, writeFileSync } from "node:fs";
import { COMPOSERS } from "./composers.mjs";

const SDL = new URL("../../schema/sdl/", import.meta.url);
const SUPERGRAPH = new URL("supergraph.graphql", SDL);
const read = (name) => readFileSync(new URL(name, SDL), "utf8");

const subgraphs = ["worker", "skill", "booking", "review"].map((name) => ({
  name,
  url: `http://${name}/graphql`,
  sdl: read(`subgraphs/${name}.graphql`),
}));

const known = JSON.parse(readFileSync(new URL("hints.json", import.meta.url), "utf8"));
const met = new Set();
const complaints = [];
let supergraph;
for (const [composer, compose] of Object.entries(COMPOSERS)) {
  const { errors, hints, ...more } = compose(subgraphs);
  supergraph ??= more.supergraph;
  complaints.push(...errors.map((error) => `${composer}: ${error.message}`));
  for (const { code, coordinate, message } of hints) {
    const entry = known.find((one) => one.code === code && one.coordinate === coordinate);
    if (entry) met.add(entry);
    else complaints.push(`${composer}: ${code} at ${coordinate}, not in hints.json: ${message}`);
  }
  console.log(`${composer}: ${errors.length} errors, ${hints.length} hints`);
}
for (const entry of known) {
  if (!met.has(entry)) complaints.push(`hints.json: ${entry.code} no longer occurs`);
}
if (complaints.length === 0) {
  if (!process.argv.includes("--check")) writeFileSync(SUPERGRAPH, `${supergraph.trim()}\n`);
  else if (read("supergraph.graphql") !== `${supergraph.trim()}\n`) {
    complaints.push("schema/sdl/supergraph.graphql is out of date: run `make compose`.");
  }
}
for (const complaint of complaints) console.error(complaint);
process.exitCode = complaints.length ? 1 : 0;
