"""What a supergraph links for security or execution is understood, or the supergraph refused."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.compose import FOLDER
from edge.federated import federated_app
from federation.client import NoClient
from federation.features import AUTHORISATION
from federation.router import Router
from federation.supergraph import BadSupergraph, Supergraph
from ide.build import programs
from runtime.settings import Settings
from schema.sdl import SUPERGRAPH
from tests.federation.world import Federation, Hosts

pytestmark = pytest.mark.slow

COMPOSE = """
import { COMPOSERS } from "./composers.mjs";
import { readFileSync } from "node:fs";
const { composer, sdl } = JSON.parse(readFileSync(0, "utf8"));
const subgraphs = [{ name: "vault", url: "http://vault/graphql", sdl }];
const { errors, supergraph } = COMPOSERS[composer](subgraphs);
for (const { message } of errors) console.error(message);
process.stdout.write(supergraph ?? "");
"""
COMPOSERS = ("@apollo/composition", "@theguild/federation-composition")
FEDERATION = "https://specs.apollo.dev/federation/v2.9"
FIELDS = {
    "authenticated": "secret: String @authenticated",
    "requiresScopes": 'secret: String @requiresScopes(scopes: [["read"]])',
    "policy": 'secret: String @policy(policies: [["owner"]])',
}


def composed(composer: str, sdl: str) -> str:
    node, _ = programs()
    done = subprocess.run(
        [*node, "--input-type=module", "-e", COMPOSE],
        cwd=FOLDER,
        input=json.dumps({"composer": composer, "sdl": sdl}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout, done.stderr
    return done.stdout


def with_link(supergraph: str, link: str) -> str:
    return supergraph.replace("schema @link", f"schema {link} @link", 1).replace(
        "schema\n", f"schema {link}\n", 1
    )


def refusal(text: str, met: frozenset[str] = frozenset()) -> str:
    """Why the supergraph is not served; empty where it is."""
    try:
        Router(Supergraph(text), NoClient(), met=met)
    except BadSupergraph as error:
        return str(error)
    return ""


@pytest.mark.parametrize("composer", COMPOSERS)
@pytest.mark.parametrize("directive", FIELDS)
def test_what_guards_fields_and_is_not_understood_is_refused(composer: str, directive: str) -> None:
    sdl = f"""
      extend schema @link(url: "{FEDERATION}", import: ["@{directive}"])
      type Query {{ open: String {FIELDS[directive]} }}
    """
    text = composed(composer, sdl)

    told = refusal(text)
    assert f"{directive}/v0.1, for SECURITY" in told
    assert told.endswith("which is not understood here.")
    # Of these the gateway, or subgraphs that say so, can see to two.
    assert bool(refusal(text, AUTHORISATION)) is (directive == "policy")


def test_values_passed_by_context_are_refused() -> None:
    sdl = f"""
      extend schema @link(url: "{FEDERATION}", import: ["@context", "@fromContext", "@key"])
      type Query {{ owner: Owner }}
      type Owner @context(name: "owner") {{ name: String! thing: Thing }}
      type Thing @key(fields: "id") {{
        id: ID!
        label(name: String @fromContext(field: "$owner {{ name }}")): String
      }}
    """

    assert "context/v0.1, for SECURITY" in refusal(composed("@apollo/composition", sdl))


@pytest.mark.parametrize(
    "link",
    [
        '@link(url: "https://example.org/vault/v1.0", for: SECURITY)',
        '@link(url: "https://example.org/vault/v1.0", for: EXECUTION)',
        '@link(url: "https://specs.apollo.dev/join/v0.9", for: EXECUTION)',
        '@link(url: "https://specs.apollo.dev/inaccessible/v0.2", as: "hidden", for: SECURITY)',
        '@link(url: "https://specs.apollo.dev/inaccessible/v0.2", for: SECURITY,'
        ' import: [{name: "@inaccessible", as: "@hidden"}])',
        '@core(feature: "https://specs.apollo.dev/policy/v0.1", for: SECURITY)',
        '@called_otherwise(url: "https://specs.apollo.dev/policy/v0.1", for: SECURITY)',
    ],
)
def test_a_link_that_is_not_understood_is_named(shop: Federation, link: str) -> None:
    assert refusal(shop.text) == ""
    url = link.partition('"')[2].partition('"')[0]

    assert url in refusal(with_link(shop.text, link))
    assert url in refusal(f"{shop.text}\nextend schema {link}")


def test_a_link_without_a_purpose_may_be_passed_over(shop: Federation) -> None:
    link = '@link(url: "https://example.org/notes/v1.0", import: ["@note"])'

    assert refusal(with_link(shop.text, link)) == ""


def test_our_own_graph_is_routed_where_its_subgraphs_see_to_who_may_read(tmp_path: Path) -> None:
    agreed = tmp_path / "partners.toml"
    settings = replace(Settings(), partners=str(agreed))
    names = ("worker", "skill", "booking", "review")
    entry = '[{name}]\nurl = "http://{name}.example/graphql"\nprivate_addresses = true\n'
    entries = [entry.format(name=name) + "enforces = true\n" for name in names]

    agreed.write_text("".join(entries))
    federated_app(SUPERGRAPH, settings)
    agreed.write_text("".join([*entries[:3], entry.format(name="review")]))
    with pytest.raises(BadSupergraph, match="for SECURITY"):
        federated_app(SUPERGRAPH, settings)


async def test_a_newer_file_that_is_not_understood_leaves_the_older_one(
    shop: Federation, tmp_path: Path
) -> None:
    file = tmp_path / "supergraph.graphql"
    file.write_text(shop.text)
    app = federated_app(file, Settings(), Hosts(shop.apps))
    before = app.state.current.router
    link = '@link(url: "https://specs.apollo.dev/policy/v0.1", for: SECURITY)'
    file.write_text(with_link(shop.text, link))
    await app.state.current.look()

    assert app.state.current.router is before
    file.write_text(f"{shop.text}\n")
    await app.state.current.look()
    assert app.state.current.router is not before
