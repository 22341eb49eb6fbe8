"""Migrations that have landed stay as they are."""

from pathlib import Path
from shutil import copytree

import pytest

from migrations import landed


def test_each_migration_is_as_it_landed() -> None:
    assert landed.wrong() == []


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of the folder of migrations, to be spoilt."""
    folder = tmp_path / "migrations"
    copytree(landed.FOLDER, folder, ignore=lambda *_: ["__pycache__"])
    monkeypatch.setattr(landed, "FOLDER", folder)
    monkeypatch.setattr(landed, "LIST", folder / "landed.txt")
    return folder


@pytest.mark.parametrize("name", sorted(landed.landed()))
def test_a_migration_that_has_landed_is_never_changed_or_removed(copy: Path, name: str) -> None:
    file = copy / name
    file.write_text(file.read_text("utf-8") + "\n", "utf-8")
    assert [said for said in landed.wrong() if said.startswith(f"{name} has landed")]

    file.unlink()
    assert [said for said in landed.wrong() if said.startswith(f"{name} has landed")]


def test_a_new_migration_is_put_on_the_list_as_it_is(copy: Path) -> None:
    new = copy / "versions" / "9999_a_thing.py"
    new.write_text('revision = "9999"\n', "utf-8")
    (said,) = landed.wrong()
    before = landed.LIST.read_text("utf-8")

    assert "run `python -m migrations.landed`" in said
    assert landed.land() == ["versions/9999_a_thing.py"]
    assert landed.wrong() == []
    assert landed.LIST.read_text("utf-8").startswith(before)
