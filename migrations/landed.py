"""`python -m migrations.landed`: puts what is new on the list of migrations that have landed."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

FOLDER = Path(__file__).parent
LIST = FOLDER / "landed.txt"
"""A line for each file, as `sha256sum` writes it; lines are added and never changed."""


def files() -> Iterator[Path]:
    """Each migration, and what migrations read."""
    yield from sorted(FOLDER.glob("versions/*.py"))
    yield from sorted(FOLDER.glob("procrastinate/*.sql"))


def present() -> dict[str, str]:
    """The hashes of the files that there are, by their names."""
    return {
        f"{each.relative_to(FOLDER)}": sha256(each.read_bytes()).hexdigest() for each in files()
    }


def landed() -> dict[str, str]:
    """The hashes that they had when they landed."""
    lines = LIST.read_text(encoding="utf-8").splitlines()
    return {name: digest for digest, name in (line.split(maxsplit=1) for line in lines)}


def wrong() -> list[str]:
    """A sentence for each file that is not as it landed, or has not landed; none if all is well."""
    now, then = present(), landed()
    changed = [
        f"{name} has landed and is never changed: put it back, and write another migration."
        for name, digest in then.items()
        if now.get(name) != digest
    ]
    new = [
        f"{name} is not on the list of what has landed: run `python -m migrations.landed`."
        for name in now.keys() - then.keys()
    ]
    return changed + new


def land() -> list[str]:
    """Add what is new; the names of what was added."""
    now, then = present(), landed()
    new = [name for name in now if name not in then]
    with LIST.open("a", encoding="utf-8") as file:
        file.writelines(f"{now[name]}  {name}\n" for name in new)
    return new


if __name__ == "__main__":
    for name in land():
        print(f"{name} has landed. From now on it is never changed.")
