// Writes into fetches.json how many fetches another planner needs for each document that stands
// there: a new document is put there with any number. Those that it cannot plan are taken out.
import { readFileSync, writeFileSync } from "node:fs";
import { QueryPlanner } from "@graphql-hive/router-query-planner";

const file = new URL("fetches.json", import.meta.url);
const counts = JSON.parse(readFileSync(file, "utf8"));

function fetches(node) {
  if (node === null || typeof node !== "object") return 0;
  const own = node.kind === "Fetch" || node.kind === "BatchFetch" ? 1 : 0;
  return Object.values(node).reduce((sum, inner) => sum + fetches(inner), own);
}

for (const [name, documents] of Object.entries(counts)) {
  const supergraph = new URL(`supergraphs/${name}/supergraph.graphql`, import.meta.url);
  const planner = new QueryPlanner(readFileSync(supergraph, "utf8"));
  counts[name] = documents.flatMap(([document]) => {
    try {
      return [[document, fetches(planner.plan(document, null, new Set(), 0))]];
    } catch (error) {
      console.error(`${name}: ${error.message.slice(0, 120)}`);
      return [];
    }
  });
}
writeFileSync(file, `${JSON.stringify(counts, null, 1)}\n`);
