"""What the bench asks, and what README says came of it."""

from pathlib import Path

import pytest
from graphql import build_schema, parse, validate

from bench import federated
from bench.installation import PEERS
from bench.measure import difference
from bench.peers.references import ARGUMENTS, SQL
from bench.results import BEGIN, END, README, section
from bench.shapes import OPERATIONS
from federation.client import NoClient
from federation.router import Router
from federation.supergraph import Supergraph
from schema.graph import gateway

DOCUMENTS = sorted(OPERATIONS.glob("*.graphql"))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_every_operation_of_the_bench_is_valid_here_and_for_the_peers(path: Path) -> None:
    document = parse(path.read_text())
    peers = build_schema((PEERS / "schema.graphql").read_text())
    assert validate(gateway().schema, document) == []
    assert validate(peers, document) == []


def test_every_operation_has_its_statement_and_its_words_for_postgraphile() -> None:
    names = {path.stem for path in DOCUMENTS}
    assert names == set(ARGUMENTS)
    assert names == {path.stem for path in SQL.glob("*.sql")}
    assert names == {path.stem for path in (OPERATIONS / "postgraphile").glob("*.graphql")}


def test_answers_that_differ_are_told_apart() -> None:
    ours = {"workers": [{"id": "wk_1", "mean": 4.2}, {"id": "wk_2", "mean": 4.0}]}
    half = {"workers": [{"id": "wk_1", "mean": 4.3}, {"id": "wk_2", "mean": 4}]}
    other = {"workers": [{"id": "wk_1", "mean": 4.2}, {"id": "wk_3", "mean": 4.0}]}
    assert difference(ours, half) is None
    assert difference(ours, other) == "data.workers[1].id: 'wk_2' and 'wk_3'"
    assert difference(ours, {"workers": []}) is not None
    assert difference(ours, {}) is not None


def test_readme_says_what_was_measured() -> None:
    told = README.read_text().partition(BEGIN)[2].partition(END)[0]
    assert told.strip() == section()
    told = README.read_text().partition(federated.BEGIN)[2].partition(federated.END)[0]
    assert told.strip() == federated.section()


@pytest.mark.parametrize(
    ("name", "fetches"), [("list", 1), ("entities", 3), ("deep", 5), ("tiny", 1)]
)
def test_every_operation_over_the_supergraph_takes_as_many_fetches_as_is_said(
    name: str, fetches: int
) -> None:
    router = Router(Supergraph(federated.SUPERGRAPH.read_text()), NoClient())
    (shape,) = (shape for shape in federated.shapes() if shape.name == name)
    plan = router.plan(shape.document, shape.variables[0])
    assert len(list(plan.fetches)) == fetches
