"""The gateway with partners, as the tests about it ask it: without HTTP to it, with it to them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from edge.runners import Runner
from runtime.context import Context
from runtime.faults import Invalid, formatted
from runtime.language import Language
from runtime.process import Process
from runtime.settings import Settings
from runtime.viewer import ANYONE, Viewer
from server import runner_of
from tests.asking import REQUEST_ID
from tests.federation.joined.partners import composed, partners
from tests.federation.world import Hosts

FUND = """
[provident-fund]
private_addresses = true
attempts = 1
client = "pc_fund"
discloses = ["Worker.id", "Worker.eshramUan", "Account.number"]
[provident-fund.fields]
"Query.schemes" = "public"
"Query.account" = "public"
"Mutation.nominate" = "public"
"Scheme.name" = "public"
"Account.number" = "public"
"Account.balance" = "public"
"Account.nominee" = "public"
"Account.holder" = "public"
"Worker.contributions" = "public"
"Worker.benefits" = "worker_record"
"Benefit.name" = "public"
"Pension.number" = "public"
"Worker.account" = "public"
"Worker.providentFundAccount" = "worker_record"
"""
POLICE = """
[police]
private_addresses = true
attempts = 1
client = "pc_police"
discloses = [
    "Worker.id",
    "Worker.providentFundAccount",
    "Worker.benefits",
    "Benefit.name",
    "Pension.number",
]
[police.fields]
"Worker.standing" = "worker_record"
"Worker.clearance" = "worker_record"
"""


@dataclass
class Served:
    """The gateway over a supergraph, and the partners in it."""

    folder: Path
    text: str
    agreed: str
    theirs: Mapping[str, Any]

    def __post_init__(self) -> None:
        (self.folder / "supergraph.graphql").write_text(self.text, encoding="utf-8")
        (self.folder / "partners.toml").write_text(self.agreed, encoding="utf-8")
        runner, (following,) = runner_of(self.settings, transport=Hosts(self.theirs))
        self.runner: Runner = runner
        self.following = following
        """To be entered by whoever needs the files and the log of changes followed."""

    @property
    def settings(self) -> Settings:
        return replace(
            Settings(),
            supergraph=str(self.folder / "supergraph.graphql"),
            partners=str(self.folder / "partners.toml"),
        )

    async def ask(
        self, process: Process, viewer: Viewer = ANYONE, query: str = "", **variables: Any
    ) -> Any:
        """The whole answer, as a response carries it."""
        context = Context(viewer, Language.EN, process, REQUEST_ID)
        try:
            operation = self.runner.prepare(query)
            result = await self.runner.run(operation, variables, context, observer=None)
        except Invalid as invalid:
            return {"errors": formatted(invalid.errors, REQUEST_ID)}
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            answer["errors"] = formatted(result.errors, REQUEST_ID)
        return answer

    def forget(self) -> None:
        for partner in self.theirs.values():
            partner.asked.clear()
            partner.headers.clear()
            partner.instead = None


def served(folder: Path, agreed: str, *names: str) -> Served:
    return Served(folder, composed(*names), agreed, partners())
