"""`python -m deploy.packages composers router`: packages of npm, from a lock file, once."""

import shutil
import subprocess
import sys
from pathlib import Path

from ide.build import programs


def is_installed(folder: Path) -> bool:
    try:
        programs()
        return stamp(folder).read_bytes() == (folder / "package-lock.json").read_bytes()
    except (SystemExit, OSError):
        return False


def install(folder: Path) -> None:
    """SystemExit says in a sentence what is missing."""
    if is_installed(folder):
        return
    _, npm = programs()
    # Standard output is for what a command is asked for.
    if subprocess.run([*npm, "ci", "--loglevel=error"], cwd=folder, stdout=sys.stderr).returncode:
        raise SystemExit(f"The packages of {folder.name} could not be installed; npm says why.")
    shutil.copy(folder / "package-lock.json", stamp(folder))


def stamp(folder: Path) -> Path:
    """What was installed, once it was."""
    return folder / "node_modules" / "installed.json"


if __name__ == "__main__":
    for name in sys.argv[1:]:
        install(Path(__file__).parent / name)
