"""The router over live subgraphs."""
