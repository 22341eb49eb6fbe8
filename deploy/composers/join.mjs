// Composes a supergraph of the subgraphs named as `NAME=FILE` or `NAME=FILE=URL`, and prints it.
import { readFileSync } from "node:fs";
import { composeServices } from "@theguild/federation-composition";
import { parse } from "graphql";

const services = process.argv.slice(2).map((argument) => {
  const [name, file, ...url] = argument.split("=");
  return { name, url: url.join("="), typeDefs: parse(readFileSync(file, "utf8")) };
});
const { errors = [], supergraphSdl } = composeServices(services);
for (const { message } of errors) console.error(message);
if (errors.length) process.exitCode = 1;
else process.stdout.write(`${supergraphSdl.trim()}\n`);
