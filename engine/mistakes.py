"""What refusing costs: measured, and not paid twice for the same document."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256

from graphql import GraphQLError

from runtime.faults import Coded, Invalid
from runtime.store import Bounded

BYTES = 4_000_000
"""Of documents that were refused."""
SECONDS = 600.0


@contextmanager
def measured() -> Iterator[None]:
    """Says of an Invalid how long this thread was busy with it: waiting costs nobody anything. Of
    blocks in each other the outermost counts."""
    began = time.thread_time()
    try:
        yield
    except Invalid as invalid:
        invalid.seconds = time.thread_time() - began
        raise


class Mistakes:
    """Documents that are not valid over a schema, and why."""

    def __init__(self) -> None:
        self._known = Bounded[tuple[GraphQLError, ...]](BYTES)

    def refuse_known(self, document: str) -> None:
        """Raises Invalid of a document that was refused before."""
        if (errors := self._known.read(key_of(document))) is not None:
            raise Invalid(*errors)

    def note(self, document: str, invalid: Invalid) -> None:
        errors = tuple(map(bare, invalid.errors))
        size = len(document) + sum(len(error.message) for error in errors)
        self._known.write(key_of(document), errors, size, SECONDS)


def key_of(document: str) -> bytes:
    return sha256(document.encode(errors="surrogatepass")).digest()


def bare(error: GraphQLError) -> GraphQLError:
    """Without the nodes, which hold the whole document as it was parsed."""
    places = [node.loc for node in error.nodes or () if node.loc is not None]
    details = {**(error.extensions or {})}
    if isinstance(error, Coded):
        kept: GraphQLError = Coded(details.pop("code"), error.message, **details)
    else:
        kept = GraphQLError(error.message, extensions=details or None)
    kept.source = places[0].source if places else error.source
    kept.positions = [place.start for place in places] or error.positions
    kept.locations = error.locations
    return kept
