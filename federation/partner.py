"""The partners' file: what is agreed with each subgraph that is not ours."""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta
from yarl import URL

from runtime.signature import LEAST_SECRET

OF_ONE_CONNECTION = frozenset(
    {
        *("accept", "accept-encoding", "connection", "content-encoding", "content-length"),
        *("content-type", "gateway-signature", "host", "keep-alive", "te", "trailer"),
        *("transfer-encoding", "upgrade"),
    }
)
"""Headers that say something of one message or one connection, and mean nothing on another."""

Seconds = Annotated[float, Meta(gt=0, le=60)]
Names = tuple[str, ...]


class BadPartners(Exception):
    """A partners' file that cannot be taken as it stands."""


class Partner(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """docs/partners.md tells what each of these does."""

    url: str | None = None
    """Where it is; the supergraph's own, if left out."""
    seconds: Seconds = 2.0
    """For an answer, with all tries and waits."""
    attempts: Annotated[int, Meta(ge=1, le=5)] = 2
    concurrency: Annotated[int, Meta(ge=1)] = 20
    failures: Annotated[int, Meta(ge=1)] = 5
    rest_seconds: Annotated[float, Meta(gt=0)] = 10.0
    entities: Annotated[int, Meta(ge=1)] = 1_000
    """Of a kind in one request; for more there are several."""
    answer_limit: Annotated[int, Meta(ge=1)] = 1_000_000
    """Bytes, unpacked."""
    depth_limit: Annotated[int, Meta(ge=1, le=200)] = 40
    headers: Names = ("accept-language",)
    """Of the client's request, in lower case."""
    answer_headers: Names = ()
    """Of its answers, those that go on to the client."""
    secret: str | None = None
    known_as: str = "gateway"
    """The name that calls are signed with."""
    certificate: str | None = None
    """The file of our certificate, for partners that ask for one; `key` is that of its key."""
    key: str | None = None
    authority: str | None = None
    """The file of the certificates that theirs is checked with, if not the public ones."""
    enforces: bool = False
    """Whether it refuses by itself whom `@authenticated` and `@requiresScopes` are to keep out."""
    private_addresses: bool = False
    cache_seconds: Annotated[int, Meta(ge=0, le=86_400)] = 0
    client: str | None = None
    discloses: Names = ()
    fields: dict[str, str] = {}

    def __post_init__(self) -> None:
        if self.url is not None:
            check_url(self.url, private=self.private_addresses)
        for name in (*self.headers, *self.answer_headers):
            if name != name.lower() or name in OF_ONE_CONNECTION:
                raise ValueError(f"`{name}` is not the name, in lower case, of a header to pass on")
        if self.secret is not None and len(self.secret) < LEAST_SECRET:
            raise ValueError(f"`secret` has fewer than {LEAST_SECRET} characters")
        if (self.certificate is None) is not (self.key is None):
            raise ValueError("`certificate` and `key` are given together, or neither")


def check_url(url: str, *, private: bool) -> None:
    """Raises ValueError. In clear text only where nobody else's network lies in between."""
    try:
        parsed = URL(url)
        named = parsed.scheme in ("http", "https") and parsed.host
    except ValueError:
        named = None
    if not named or parsed.user is not None or parsed.password is not None:
        raise ValueError(f"`url` is no address of a server: {url}")
    if parsed.scheme == "http" and not private:
        raise ValueError("`url` begins with https, unless `private_addresses` is true")


def partners_in(path: Path) -> dict[str, Partner]:
    """By the names of their subgraphs. Raises BadPartners."""
    try:
        tables = msgspec.toml.decode(path.read_bytes(), type=dict[str, dict[str, object]])
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise BadPartners(f"{path} cannot be read: {error}") from None
    found = {}
    for name, table in tables.items():
        try:
            found[name] = msgspec.convert(table, Partner)
        except msgspec.ValidationError as error:
            raise BadPartners(f"{path}, [{name}]: {error}") from None
    return found
