// Writes fetches.json: for each document read from standard input, as [{name, query}], how many
// fetches another planner needs. Those that it cannot plan are left out. Run by hand.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

const { QueryPlanner } = createRequire(process.env.NODE_PATH + "/")("@graphql-hive/router-query-planner");
const here = new URL(".", import.meta.url);
const planners = {};
const counts = {};

function fetches(node) {
  if (node === null || typeof node !== "object") return 0;
  const own = node.kind === "Fetch" || node.kind === "BatchFetch" ? 1 : 0;
  return Object.values(node).reduce((sum, inner) => sum + fetches(inner), own);
}

for (const { name, query } of JSON.parse(readFileSync(0, "utf8"))) {
  planners[name] ??= new QueryPlanner(
    readFileSync(new URL(`supergraphs/${name}/supergraph.graphql`, here), "utf8"),
  );
  try {
    const plan = planners[name].plan(query, null, new Set(), 0);
    (counts[name] ??= []).push([query, fetches(plan)]);
  } catch (error) {
    console.error(`${name}: ${error.message.slice(0, 120)}`);
  }
}
writeFileSync(new URL("fetches.json", here), `${JSON.stringify(counts, null, 1)}\n`);
