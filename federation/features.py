"""What a supergraph demands of whoever serves it: features that are linked `for` a purpose."""

from collections.abc import Iterator
from dataclasses import dataclass

from graphql import (
    DirectiveNode,
    DocumentNode,
    SchemaDefinitionNode,
    SchemaExtensionNode,
    value_from_ast_untyped,
)

SPECS = "https://specs.apollo.dev/"
UNDERSTOOD = frozenset(
    SPECS + feature
    for feature in (
        "link/v1.0",
        *("join/v0.1", "join/v0.2", "join/v0.3", "join/v0.4", "join/v0.5"),
        *("inaccessible/v0.1", "inaccessible/v0.2"),
    )
)
"""What the router does by itself."""
AUTHORISATION = frozenset(
    SPECS + feature for feature in ("authenticated/v0.1", "requiresScopes/v0.1")
)
"""What it leaves to those who see to it: the gateway's own rules, or the subgraphs."""


@dataclass(frozen=True)
class Feature:
    """One link. Whoever does not understand its `url` must not serve the supergraph."""

    url: str
    purpose: str
    is_renamed: bool
    """Whether its directives may go by other names than those we know them by."""

    def __str__(self) -> str:
        renamed = " under another name" if self.is_renamed else ""
        return f"{self.url}{renamed}, for {self.purpose}"


def features_of(document: DocumentNode) -> Iterator[Feature]:
    """Those with a purpose. The directive that links may be called anything: what it says of a
    `url`, or as it once was, of a `feature`, makes it one."""
    for definition in document.definitions:
        if isinstance(definition, SchemaDefinitionNode | SchemaExtensionNode):
            for directive in definition.directives or ():
                given = arguments_of(directive)
                url = given.get("url") or given.get("feature")
                if url is not None and given.get("for") is not None:
                    yield Feature(str(url), str(given["for"]), is_renamed(str(url), given))


def arguments_of(directive: DirectiveNode) -> dict[str, object]:
    return {a.name.value: value_from_ast_untyped(a.value) for a in directive.arguments or ()}


def is_renamed(url: str, given: dict[str, object]) -> bool:
    usual = url.removeprefix(SPECS).partition("/")[0]
    imports = given.get("import") or ()
    assert isinstance(imports, list | tuple)
    return given.get("as") not in (None, usual) or any(
        isinstance(one, dict) and one.get("as") not in (None, one.get("name")) for one in imports
    )
