"""Settings and their documentation say the same."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from runtime.settings import Settings

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


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


def test_a_setting_that_cannot_be_read_is_named() -> None:
    assert Settings.read({"PORT": "9000"}).port == 9000
    with pytest.raises(ValueError, match="PORT"):
        Settings.read({"PORT": "a lot"})
