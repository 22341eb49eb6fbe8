"""How a client likes to be answered: in which form, and in which language."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, TypeAlias

import orjson
from graphql import OperationType

from runtime.faults import Coded
from runtime.http import JSON, Refused
from runtime.language import HINDI, Language, preferred
from runtime.viewer import Viewer

Headers: TypeAlias = list[tuple[bytes, bytes]]
GRAPHQL = "application/graphql-response+json"
WHOLE = (JSON, GRAPHQL)
"""What carries a whole answer. Where a client takes any, it gets what every client can read."""
EVENTS = "text/event-stream"
MULTIPART = "multipart/mixed"
OLDER = "multipart/mixed;deferspec=20220824"
IN_PIECES = (EVENTS, MULTIPART, OLDER)
"""What carries an answer that arrives bit by bit."""

NEVER = b"private, no-store"
"""The `Cache-Control` of what nobody may keep: most answers are about somebody."""
HEADER_LIMIT = 500
MEMORY = 500
"""For how many different headers it is remembered what they mean."""


class Answer(NamedTuple):
    status: int
    headers: Headers
    body: bytes


@dataclass(frozen=True)
class Manner:
    """The same for all requests of a client."""

    media_type: str
    named: Language | None
    """The language that the client asks for, if it does."""
    language: Language
    headers: Headers
    in_one: str
    """The form for an answer in one piece: mostly the media type."""
    in_parts: str
    """The form for one that may come in parts."""
    events: bool
    """Whether it takes events at all."""

    def form_of(self, operation: Any) -> str:
        """Raises Refused where the client does not take what the operation is told in."""
        if operation.kind is OperationType.SUBSCRIPTION:
            if not self.events:
                told = f"Accept {EVENTS} for a subscription, or come over a WebSocket."
                raise Refused(406, Coded("NOT_ACCEPTABLE", told))
            return EVENTS
        return self.in_parts if operation.in_parts else self.in_one

    def read_by(self, viewer: Viewer) -> "Manner":
        """In the viewer's own language, where the request names none."""
        return self.in_hindi if self.named is None and viewer.language is HINDI else self

    @cached_property
    def in_hindi(self) -> "Manner":
        spoken = (b"content-language", b"hi")
        headers = [spoken if name == spoken[0] else (name, value) for name, value in self.headers]
        return replace(self, language=HINDI, headers=headers)

    @cached_property
    def whole(self) -> "Manner":
        """For whom nothing may come in pieces."""
        return replace(self, in_one=self.media_type, in_parts=self.media_type, events=False)

    def answer(self, body: Any, status: int = 200, caching: bytes = NEVER) -> Answer:
        return self.encoded(orjson.dumps(body), status, caching)

    def encoded(self, body: bytes, status: int = 200, caching: bytes = NEVER) -> Answer:
        own = (b"cache-control", caching), (b"content-length", b"%d" % len(body))
        return Answer(status, [*self.headers, *own], body)


def manner_for(given: dict[bytes, bytes]) -> Manner:
    """Raises Refused for a client that takes nothing we have."""
    return manner_of(short(given, b"accept"), short(given, b"accept-language"))


def manner_of_refusal(given: dict[bytes, bytes]) -> Manner:
    """For whom nothing suits has to be told so in something."""
    try:
        return manner_for(given)
    except Refused:
        return manner_of(b"", short(given, b"accept-language"))


@lru_cache(maxsize=MEMORY)
def manner_of(accept: bytes, accept_language: bytes) -> Manner:
    named = accept.decode("latin-1")
    in_parts = negotiated(named, (*WHOLE, *IN_PIECES))
    if in_parts is None:
        told = f"Accept {GRAPHQL} or {JSON}: nothing else is offered here."
        raise Refused(406, Coded("NOT_ACCEPTABLE", told))
    # What is refused is told in a whole answer, whatever the client takes.
    media_type = negotiated(named) or GRAPHQL
    named_language = preferred(accept_language.decode("latin-1"))
    language = named_language or Language.EN
    return Manner(
        media_type,
        named_language,
        language,
        [
            (b"content-type", f"{media_type}; charset=utf-8".encode()),
            (b"content-language", language.lower().encode()),
            (b"vary", b"Accept, Accept-Language, Accept-Encoding, Authorization"),
            (b"x-content-type-options", b"nosniff"),
            (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
        ],
        in_one=negotiated(named, (*WHOLE, EVENTS)) or in_parts,
        in_parts=in_parts,
        events=negotiated(named, (EVENTS,)) is not None,
    )


def short(given: dict[bytes, bytes], name: bytes) -> bytes:
    """The header, as far as it is read: what is remembered must not grow with what is sent."""
    return given.get(name, b"")[:HEADER_LIMIT]


def negotiated(accept: str, offered: tuple[str, ...] = WHOLE) -> str | None:
    """Of what is offered, what the client likes best; None if it takes none of it.

    Between two that it likes equally the one that it names first is taken, and between two that
    it does not name apart, the one that is offered first. Who says nothing has read today's
    specification, and gets the form that it made for answers.
    """
    if not accept.strip():
        return GRAPHQL
    wanted = list(ranges_in(accept))
    best: tuple[float, int] | None = None
    chosen = None
    for name in offered:
        # What is said of the very type counts, whatever is said of all types.
        of = max(
            ((exactness(range_, name), quality, -place) for place, (range_, quality) in wanted),
            default=(0, 0.0, 0),
        )
        exact, quality, place = of
        if exact and quality > 0 and (best is None or (quality, place) > best):
            best, chosen = (quality, place), name
    return chosen


def ranges_in(accept: str) -> Iterator[tuple[int, tuple[str, float]]]:
    """The media ranges by their place, each with its quality; what cannot be read is not there."""
    for place, entry in enumerate(accept.lower().split(",")):
        range_, *parameters = (part.strip() for part in entry.split(";"))
        if range_ == MULTIPART and "deferspec=20220824" in parameters:
            range_ = OLDER
        quality = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        try:
            yield place, (range_, float(quality))
        except ValueError:
            continue


def exactness(range_: str, name: str) -> int:
    """How closely a media range says a type: 0 if not at all."""
    if range_ == name:
        return 3
    kind, _, _ = name.partition("/")
    return 2 if range_ == f"{kind}/*" else 1 if range_ == "*/*" else 0
