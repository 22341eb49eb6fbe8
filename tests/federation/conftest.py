"""The supergraphs of the tests, each with its subgraphs running."""

import pytest

from tests.federation.world import Federation
from tests.federation.worlds import WORLDS


@pytest.fixture
def shop() -> Federation:
    return Federation("shop", WORLDS["shop"])


@pytest.fixture
def library() -> Federation:
    return Federation("library", WORLDS["library"])


@pytest.fixture
def office() -> Federation:
    return Federation("office", WORLDS["office"])


@pytest.fixture
def ring() -> Federation:
    return Federation("ring", WORLDS["ring"])
