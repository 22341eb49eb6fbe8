"""A provident fund's server: docs/partner-subgraph.md tells how it came to be."""
