// Composes the subgraphs named as NAME=FILE=URL, and prints the supergraph. All composers must take
// it, whichever of them a partner uses; what is printed is what @theguild makes of it.
import { readFileSync } from "node:fs";
import { COMPOSERS } from "./composers.mjs";

const subgraphs = process.argv.slice(2).map((argument) => {
  const [name, file, ...url] = argument.split("=");
  return { name, url: url.join("="), sdl: readFileSync(file, "utf8") };
});
const composed = Object.entries(COMPOSERS).map(([composer, compose]) => {
  const { errors, supergraph } = compose(subgraphs);
  for (const { message } of errors) console.error(`${composer}: ${message}`);
  if (errors.length) process.exitCode = 1;
  return supergraph;
});
if (!process.exitCode) process.stdout.write(`${composed[0].trim()}\n`);
