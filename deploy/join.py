"""`python -m deploy.join NAME=FILE=URL`: prints a supergraph of our graph and a partner's, or several.

FILE is the SDL of a subgraph, URL where it is served.
"""

import subprocess
import sys
from pathlib import Path

from deploy.compose import FOLDER
from deploy.packages import install
from ide.build import programs
from schema import sdl
from schema.subgraph import OWN


def joined(*partners: str) -> "subprocess.CompletedProcess[str]":
    """What came of it, once the composers are installed."""
    node, _ = programs()
    given = [tuple(partner.split("=", 2)) for partner in partners]
    ours = f"{OWN}={sdl.FOLDER / OWN}.graphql="
    theirs = [f"{name}={Path(file).resolve()}={url}" for name, file, url in given]
    command = [*node, "join.mjs", ours, *theirs]
    return subprocess.run(command, cwd=FOLDER, capture_output=True, text=True)


if __name__ == "__main__":
    partners = sys.argv[1:]
    if not partners or any(partner.count("=") < 2 for partner in partners):
        sys.exit(__doc__)
    install(FOLDER)
    done = joined(*partners)
    sys.stderr.write(done.stderr)
    sys.stdout.write(done.stdout)
    sys.exit(done.returncode)
