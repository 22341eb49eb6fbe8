"""`python -m tests.subscribing.packages`: the clients of npm that tests subscribe with, once."""

from pathlib import Path

from deploy.packages import install

FOLDER = Path(__file__).parent

if __name__ == "__main__":
    install(FOLDER)
