"""Holds the engine against graphql-core's own executor: random operations over random schemas."""
