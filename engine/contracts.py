"""Engines over what the systems of partners are shown: one for each contract that is asked for."""

from collections.abc import Callable
from functools import lru_cache

from graphql import GraphQLSchema

from engine.engine import Engine
from runtime.contract import Contract, newest
from runtime.viewer import Viewer

KEPT = 64


class Contracts:
    """Made when first asked for, which takes a twentieth of a second."""

    def __init__(
        self,
        schema_of: Callable[[Contract], GraphQLSchema],
        engine_over: Callable[[GraphQLSchema], Engine],
    ) -> None:
        self._engine_of = lru_cache(KEPT)(lambda contract: engine_over(schema_of(contract)))

    def engine_for(self, viewer: Viewer) -> Engine:
        """Of a partner's system."""
        version = viewer.contract or newest()
        return self._engine_of(Contract(version, frozenset(viewer.purposes)))
