// Bundles the IDE and Monaco's workers into the folder given, each file also as .gz.
import { readdir, readFile, writeFile, copyFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const folder = process.argv[2];

const shared = {
  outdir: folder,
  bundle: true,
  minify: true,
  target: "es2022",
  legalComments: "linked",
  logLevel: "warning",
};
await build({
  ...shared,
  entryPoints: {
    main: "main.jsx",
    // Workers are files of their own, so that the policy needs neither blob: nor eval.
    "editor.worker": "monaco-editor/esm/vs/editor/editor.worker.js",
    "json.worker": "monaco-editor/esm/vs/language/json/json.worker.js",
    "graphql.worker": "monaco-graphql/esm/graphql.worker.js",
  },
  splitting: true,
  format: "esm",
  jsx: "automatic",
  define: { "process.env.NODE_ENV": '"production"' },
  // GraphiQL's style sheet has Monaco's in it; each module of Monaco names its own once more.
  loader: { ".css": "empty" },
});
await build({ ...shared, entryPoints: ["main.css"] });
await copyFile("icon.svg", join(folder, "icon.svg"));

for (const name of await readdir(folder)) {
  const path = join(folder, name);
  await writeFile(`${path}.gz`, gzipSync(await readFile(path), { level: 9 }));
}
