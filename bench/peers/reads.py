"""The pool of the peers that write SQL themselves in Python, and its statements by name."""

import os
from pathlib import Path
from typing import Any

import asyncpg

STATEMENTS = {
    block.partition("\n")[0]: block.partition("\n")[2].strip()
    for block in (Path(__file__).parent / "statements.sql").read_text().split("-- name: ")[1:]
}


async def a_pool(**options: Any) -> Any:
    size = int(os.environ["POOL_SIZE"])
    return await asyncpg.create_pool(min_size=size, max_size=size, **options)
