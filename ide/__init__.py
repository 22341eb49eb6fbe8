"""The front end of the IDE: GraphiQL and our examples, bundled to be served by our own process."""
