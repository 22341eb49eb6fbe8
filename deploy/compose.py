"""`python -m deploy.compose`: the supergraph of the subgraphs in schema/sdl, by three composers.

`--check` writes nothing, and fails where the file is not what would be written.
"""

import subprocess
import sys
from pathlib import Path

from deploy.packages import install
from ide.build import programs

FOLDER = Path(__file__).parent / "composers"


def composed(*arguments: str) -> subprocess.CompletedProcess[str]:
    """What came of it, once the composers are installed."""
    node, _ = programs()
    return subprocess.run(
        [*node, "compose.mjs", *arguments], cwd=FOLDER, capture_output=True, text=True
    )


if __name__ == "__main__":
    install(FOLDER)
    done = composed(*sys.argv[1:])
    print(done.stdout + done.stderr, end="")
    sys.exit(done.returncode)
