"""`python -m tests.clients.packages`: what frontends use, from a lock file, once."""

from pathlib import Path

from deploy.packages import install

FOLDER = Path(__file__).parent

if __name__ == "__main__":
    install(FOLDER)
