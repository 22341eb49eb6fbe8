"""The page that takes a department's engineer from credentials to a copy: all of it works."""

import json
import shutil
from pathlib import Path

import pytest

from tests.conftest import CHECKOUT, database
from tests.test_partner_page import BEHIND, answers, script, typed
from tests.test_server import free_port

PAGE = CHECKOUT / "docs" / "partner-data.md"


@pytest.mark.skipif(not shutil.which("curl"), reason="the page asks with curl")
def test_a_copy_is_made_and_kept_fresh_as_the_page_has_it(server_url: str, tmp_path: Path) -> None:
    with database(server_url) as url:
        port = str(free_port())
        given = {"CHECKOUT": str(CHECKOUT), "DATABASE_URL": url, "PORT": port}
        issuer = {"ISSUER": f"http://127.0.0.1:{port}"}
        code, output, complaints = typed(script(PAGE), tmp_path, **given, **issuer)

    logs = "\n".join(path.read_text() for path in tmp_path.glob("*.log"))
    assert code == 0, output + complaints + logs
    told = [text.strip() for text in output.split(BEHIND)[:-1]]
    expected = list(answers(PAGE))
    assert len([answer for answer in expected if answer]) > 2
    assert [json.loads(text) for text, answer in zip(told, expected, strict=True) if answer] == [
        answer for answer in expected if answer
    ], logs
    (written,) = (text.split() for text in told if text and text.replace(" ", "").isdigit())
    wrote, kept = map(int, written)
    assert wrote == kept
    assert f"(Here {kept}, of 300" in PAGE.read_text(encoding="utf-8")
    assert [text for text in told if text.endswith(" workers")] == [
        f"{kept} workers",
        f"1 changes, {kept - 1} workers",
    ]
