"""`python -m deploy.join NAME=FILE=URL`: prints the supergraph of our graph and of partners'.

For each of them, FILE is the SDL of its subgraph, and URL where that is served.
"""

import subprocess
import sys
from pathlib import Path

from deploy.compose import FOLDER
from deploy.packages import install
from ide.build import programs

OURS = Path(__file__).parent.parent / "schema" / "sdl" / "sewa-mitra.graphql"
"""Served by the gateway itself: it needs no address."""


def joined(*partners: str) -> "subprocess.CompletedProcess[str]":
    """What came of it, once the composers are installed."""
    node, _ = programs()
    given = [tuple(partner.split("=", 2)) for partner in partners]
    ours = f"{OURS.stem}={OURS}="
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
