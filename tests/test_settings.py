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


def test_a_setting_that_cannot_be_read_is_named() -> None:
    assert Settings.read({"PORT": "9000"}).port == 9000
    with pytest.raises(ValueError, match="PORT"):
        Settings.read({"PORT": "a lot"})
