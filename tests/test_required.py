"""Where people are real, nothing starts without what it would otherwise make up."""

import pytest

from runtime.required import missing
from runtime.settings import Settings
from schema.graph import SUBGRAPHS
from tests.test_server import command

NEEDED = {
    "SIGNING_KEYS": "/etc/sewa-mitra/keys.json",
    "ISSUER": "https://sewamitra.example",
    "SMS_URL": "https://sms.example/send",
    "WEBHOOK_KEY": "k" * 32,
}
PRODUCTION = {"DEVELOPMENT": "false"}


def lacking(environment: dict[str, str], *parts: str) -> list[str]:
    told = missing(Settings.read(environment), parts)
    return [sentence.partition(" ")[0] for sentence in told]


@pytest.mark.parametrize("command_", ["serve", "work"])
def test_all_that_is_missing_is_said_at_once(command_: str) -> None:
    result = command(command_, **PRODUCTION)

    lines = result.stderr.strip().splitlines()
    assert [line.partition(" is required")[0] for line in lines] == list(NEEDED)
    assert result.returncode == 1


def test_each_of_them_is_needed_and_no_more() -> None:
    assert lacking(PRODUCTION | NEEDED) == []
    for name in NEEDED:
        assert lacking(PRODUCTION | NEEDED | {name: ""}) == [name]
    assert lacking({}) == []


def test_webhooks_that_are_switched_off_need_no_key() -> None:
    assert "WEBHOOK_KEY" not in lacking(PRODUCTION | {"WEBHOOKS": "off"})
    with pytest.raises(ValueError, match="WEBHOOKS"):
        Settings.read({"WEBHOOKS": "none"})


def test_a_subgraph_needs_what_it_uses() -> None:
    always = {"GATEWAY_SECRETS", "SIGNING_KEYS", "ISSUER"}
    needed = {
        "worker": always | {"SMS_URL"},
        "skill": always,
        "booking": always | {"SMS_URL"},
        "review": always | {"WEBHOOK_KEY"},
    }

    assert {name: set(lacking(PRODUCTION, name)) for name in SUBGRAPHS} == needed
    assert lacking({}, "worker") == ["GATEWAY_SECRETS"]


def test_a_router_needs_none_of_them() -> None:
    result = command("federate", "--supergraph", "nowhere.graphql", **PRODUCTION)

    assert "is required" not in result.stderr
    assert "nowhere.graphql" in result.stderr
