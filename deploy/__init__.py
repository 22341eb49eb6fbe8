"""The scaled-out shape: the graph composed of subgraphs, and served by a router."""
