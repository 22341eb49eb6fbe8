"""`python -m deploy.join NAME=FILE=URL`: the supergraph of our graph and of partners'.

For each of them, FILE is the SDL of its subgraph, and URL where that is served. It is printed, or
written to a file once it is whole (`--output`).
"""

import subprocess
import sys
from argparse import ArgumentParser, ArgumentTypeError
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


def main() -> None:
    parser = ArgumentParser(prog="python -m deploy.join", description=__doc__)
    parser.add_argument("--output", type=Path, metavar="FILE")
    parser.add_argument("partners", nargs="+", metavar="NAME=FILE=URL", type=a_partner)
    given = parser.parse_args()
    install(FOLDER)
    done = joined(*given.partners)
    sys.stderr.write(done.stderr)
    if done.returncode or given.output is None:
        sys.stdout.write(done.stdout)
    else:
        given.output.write_text(done.stdout, encoding="utf-8")
    sys.exit(done.returncode)


def a_partner(text: str) -> str:
    if text.count("=") < 2:
        raise ArgumentTypeError(f"{text} is not NAME=FILE=URL")
    return text


if __name__ == "__main__":
    main()
