// GraphiQL with our examples as its first tabs, and all of them always at hand in a panel.
import { HISTORY_PLUGIN, GraphiQL } from "graphiql";
import { pick, useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { createGraphiQLFetcher, StorageAPI } from "@graphiql/toolkit";
import { createRoot } from "react-dom/client";

const { title, endpoint, headers, operations } = JSON.parse(
  document.getElementById("ide-data").textContent,
);

globalThis.MonacoEnvironment = {
  getWorker(_id, language) {
    const name = ["json", "graphql"].includes(language) ? language : "editor";
    return new Worker(new URL(`./${name}.worker.js`, import.meta.url), { type: "module" });
  },
};

// GraphiQL fills the first tab's variables from its own storage, not from `defaultTabs`.
const storage = new StorageAPI();
if (storage.get("tabState") === null && operations.length > 0) {
  storage.set("query", operations[0].query);
  storage.set("variables", operations[0].variables);
}

function Examples() {
  const { addTab, changeTab } = useGraphiQLActions();
  const { tabs, queryEditor, variableEditor, headerEditor } = useGraphiQL(
    pick("tabs", "queryEditor", "variableEditor", "headerEditor"),
  );

  function open({ query, variables, headers }) {
    const index = tabs.findIndex((tab) => tab.query === query);
    if (index >= 0) {
      changeTab(index);
      return;
    }
    addTab();
    queryEditor.setValue(query);
    variableEditor.setValue(variables);
    headerEditor.setValue(headers);
  }

  return (
    <section aria-label="Examples">
      <div className="examples-title">Examples · उदाहरण</div>
      <ul className="examples">
        {operations.map((operation) => (
          <li key={operation.name}>
            <button type="button" onClick={() => open(operation)}>
              <span>{operation.audience}</span>
              {operation.title}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function ExamplesIcon() {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" strokeWidth="1.5" aria-hidden="true">
      <path d="M5 4h14v16H5zM9 9l-2 3 2 3m6-6 2 3-2 3m-1.5-7-3 8" />
    </svg>
  );
}

const plugins = [{ title: "Examples", icon: ExamplesIcon, content: Examples }, HISTORY_PLUGIN];

createRoot(document.getElementById("ide")).render(
  <GraphiQL
    fetcher={createGraphiQLFetcher({
      url: endpoint,
      // The headers of the tab are sent when the socket begins.
      subscriptionUrl: new URL(endpoint, location.href).href.replace(/^http/, "ws"),
    })}
    defaultTabs={operations.map(({ query, variables, headers }) => ({ query, variables, headers }))}
    defaultHeaders={headers}
    defaultEditorToolsVisibility
    // Headers may hold a token: it stays in the page and is gone with it.
    shouldPersistHeaders={false}
    plugins={plugins}
    schemaDescription
    inputValueDeprecation
  >
    <GraphiQL.Logo>{title}</GraphiQL.Logo>
  </GraphiQL>,
);
