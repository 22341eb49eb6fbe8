"""What clients meet: GraphQL over HTTP, OAuth, and the IDE."""
