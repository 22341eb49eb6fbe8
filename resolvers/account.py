"""What is computed of the viewer and of citizens."""

from dataclasses import dataclass

from models.account import Citizen, Department
from runtime.context import Info
from runtime.language import Language
from runtime.rights import Role


@dataclass(frozen=True)
class Self:
    role: Role
    language: Language


def viewer(info: Info) -> Self:
    return Self(info.context.viewer.role, info.context.language)


def first_name(row: Citizen, *, language: Language) -> str | None:
    return language.of(row.first_name_en, row.first_name_hi)


def department_name(row: Department, *, language: Language) -> str:
    return language.of(row.name_en, row.name_hi) or ""
