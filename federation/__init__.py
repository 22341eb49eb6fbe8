"""Fields that other servers own: operations planned over a supergraph, fetched, put together."""
