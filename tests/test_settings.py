"""Settings and their documentation say the same."""

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from typer.testing import CliRunner

from runtime import log
from runtime.settings import FORMS, RANGES, Settings
from server import cli

CHECKOUT = Path(__file__).parent.parent
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")


def test_readme_documents_every_setting_and_no_other() -> None:
    documented = dict(re.findall(r"^\| `([A-Z_]+)` \| (.+?) \|", README, re.MULTILINE))

    assert set(documented) == {field.name.upper() for field in fields(Settings)}
    for field in fields(Settings):
        if field.default is not None:
            told = documented[field.name.upper()].strip("`")
            assert told == str(field.default).replace("True", "true").replace("False", "false")


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:8081"),
        ("gateway.local", "http://gateway.local:8081"),
        ("0.0.0.0", "http://127.0.0.1:8081"),
        ("::", "http://[::1]:8081"),
        ("::1", "http://[::1]:8081"),
        ("fd00::7", "http://[fd00::7]:8081"),
    ],
)
def test_clients_find_us_where_we_serve_unless_told_otherwise(host: str, address: str) -> None:
    assert Settings(host=host, port=8081).address == address
    assert Settings(host=host, issuer="https://x.example/").address == "https://x.example"


WRONG = {
    bool: ["perhaps", "2"],
    int: ["abc", "-1", "1.5", "1e9", "99999999999"],
    float: ["abc", "-1", "nan", "inf"],
    str: ["perhaps not, no", "://", "=", ",", "\n"],
}
READ_BY_OTHERS = {"OIDC_AUDIENCE", "OIDC_CLAIMS"}
"""Any text may be one, or what reads it says what is wrong."""


def wrong_values() -> Iterator[tuple[str, str]]:
    for field in fields(Settings):
        name, kind = field.name.upper(), type(field.default)
        if field.default is not None and name not in READ_BY_OTHERS:
            yield from ((name, value) for value in WRONG[kind])
        elif field.name in FORMS:
            yield from ((name, value) for value in WRONG[str])
        if kind in (int, float) and field.name not in RANGES:
            yield name, "0"


def test_a_setting_with_a_wrong_value_is_named() -> None:
    seen = set()
    for name, value in wrong_values():
        with pytest.raises(ValueError, match=rf"\A{name} (must be|is one of) .+\.\Z"):
            Settings.read({name: value})
        seen.add(name)
    assert len(seen) > 100
    for name, value in (("POOL_SIZE", "1"), ("PORT", "65536"), ("POINTS_PERSON", "0/1")):
        with pytest.raises(ValueError, match=rf"\A{name} "):
            Settings.read({name: value})


def test_what_settings_are_by_themselves_may_be_said() -> None:
    told = {f.name.upper(): str(f.default) for f in fields(Settings) if f.default is not None}

    assert Settings.read(told) == Settings()
    assert RANGES.keys() | FORMS.keys() <= {field.name for field in fields(Settings)}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "9000"),
        ("POINTS_PERSON", "20000/0.5"),
        ("SUBGRAPH_URLS", "a=http://127.0.0.1:1/graphql, b-c=https://b.example/graphql"),
        ("EMERGENCY_NUMBERS", "112, 1090"),
        ("FORWARDED_ALLOW_IPS", "10.0.0.0/8, ::1"),
        ("FORWARDED_ALLOW_IPS", "*"),
        ("DATABASE_URL", "postgresql+asyncpg://postgres@/sewa?host=%2Fdev%2Fshm"),
        ("DATABASE_URL", "postgres://user:secret@host:5432/name"),
        ("REDIS_URL", "redis://127.0.0.1:6379/0"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318"),
    ],
)
def test_usual_values_are_taken(name: str, value: str) -> None:
    assert str(getattr(Settings.read({name: value}), name.lower())) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POINTS_PERSON", "abc"),
        ("PORT", "abc"),
        ("DEVELOPMENT", "perhaps"),
        ("POOL_SIZE", "0"),
        ("EMERGENCY_NUMBERS", "a lot"),
        ("SUBGRAPH_URLS", "a lot"),
        ("OIDC_CLAIMS", "a lot"),
        ("TRUSTED_ONLY", "a lot"),
        ("CORS_ORIGINS", "a lot"),
        ("LOG_LEVEL", "a lot"),
    ],
)
def test_to_serve_with_a_wrong_value_ends_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    # Of the whole process, which goes on.
    monkeypatch.setattr(log, "configure", lambda *_: None)
    monkeypatch.setenv("DATABASE_URL", "postgresql://127.0.0.1:1/none")
    monkeypatch.setenv(name, value)
    ended = CliRunner().invoke(cli, ["serve"])

    assert ended.exit_code == 1
    assert isinstance(ended.exception, SystemExit)
    told = " ".join(ended.stderr.split())
    assert re.fullmatch(rf"{name}\b[^.]+(\.[^. ][^.]+)*\.?", told), told
