"""Files of rows: JSON Lines, CSV and Parquet, written a page at a time and never held whole."""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from io import StringIO
from pathlib import Path
from typing import Any, Protocol

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from runtime.runner import Column, Kind, Record


class ExportFormat(StrEnum):
    JSON_LINES = "JSON_LINES"
    CSV = "CSV"
    PARQUET = "PARQUET"


class ExportCompression(StrEnum):
    NONE = "NONE"
    GZIP = "GZIP"
    ZSTD = "ZSTD"


ENDINGS = {
    ExportFormat.JSON_LINES: ".jsonl",
    ExportFormat.CSV: ".csv",
    ExportFormat.PARQUET: ".parquet",
}
PACKED = {ExportCompression.NONE: "", ExportCompression.GZIP: ".gz", ExportCompression.ZSTD: ".zst"}

Write = Callable[[Sequence[Record]], None]


class Sink(Protocol):
    def write(self, data: bytes, /) -> Any: ...


def ending(format: ExportFormat, compression: ExportCompression) -> str:
    """How names of such files end. Parquet says within what it is compressed with."""
    packed = "" if format is ExportFormat.PARQUET else PACKED[compression]
    return ENDINGS[format] + packed


@contextmanager
def writing(
    path: Path, columns: Sequence[Column], format: ExportFormat, compression: ExportCompression
) -> Iterator[Write]:
    """A file to which rows are added until the block ends. Without any it is a valid file."""
    if format is ExportFormat.PARQUET:
        with pq.ParquetWriter(
            path, schema_of(columns), compression=compression.value.lower()
        ) as writer:
            yield parquet(writer, columns)
        return
    with pa.OSFile(str(path), "wb") as file:
        if compression is ExportCompression.NONE:
            yield lines(file, columns, format)
            return
        with pa.CompressedOutputStream(file, compression.value.lower()) as stream:
            yield lines(stream, columns, format)


def lines(sink: Sink, columns: Sequence[Column], format: ExportFormat) -> Write:
    return json_lines(sink) if format is ExportFormat.JSON_LINES else flat_lines(sink, columns)


def json_lines(sink: Sink) -> Write:
    def write(rows: Sequence[Record]) -> None:
        dumps, newline = orjson.dumps, orjson.OPT_APPEND_NEWLINE
        sink.write(b"".join([dumps(row, None, newline) for row in rows]))

    return write


# CSV

RISKY = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What a spreadsheet takes for the beginning of a formula, or lets one follow."""


def flat_lines(sink: Sink, columns: Sequence[Column]) -> Write:
    """Records are flattened into columns of dotted names; lists are JSON."""
    cells = list(cells_of(columns))

    def put(rows: Iterator[Sequence[Any]] | list[Sequence[Any]]) -> None:
        text = StringIO(newline="")
        csv.writer(text, lineterminator="\r\n").writerows(rows)
        sink.write(text.getvalue().encode())

    def write(rows: Sequence[Record]) -> None:
        put(zip(*(cell(rows) for _, cell in cells), strict=True))

    put([[safe(name) for name, _ in cells]])
    return write


Cells = Callable[[Sequence[Record | None]], list[Any]]
"""Of each row, what stands in one column."""


def cells_of(columns: Sequence[Column]) -> Iterator[tuple[str, Cells]]:
    for column in columns:
        take = taking(column.name)
        if column.kind is Kind.RECORD and not column.lists:
            for name, inner in cells_of(column.columns):
                yield f"{column.name}.{name}", chained(take, inner)
        else:
            yield column.name, chained(take, as_cells(column))


def taking(name: str) -> Cells:
    # An interface's record has not every column of it.
    return lambda rows: [None if row is None else row.get(name) for row in rows]


def chained(first: Cells, then: Cells) -> Cells:
    return lambda rows: then(first(rows))


def as_cells(column: Column) -> Cells:
    if column.lists:
        return lambda values: [None if v is None else orjson.dumps(v).decode() for v in values]
    if column.kind is Kind.BOOLEAN:
        words = {None: None, True: "true", False: "false"}
        return lambda values: [words[value] for value in values]  # type: ignore[index]
    if column.kind is Kind.TEXT:
        return lambda values: [safe(value) for value in values]
    return list


def safe(value: Any) -> Any:
    """Text that no spreadsheet takes for a formula."""
    if isinstance(value, str) and value.startswith(RISKY):
        return f"'{value}"
    return value


# Parquet


def parquet(writer: pq.ParquetWriter, columns: Sequence[Column]) -> Write:
    told, kept = schema_of(columns, as_told=True), schema_of(columns)

    def write(rows: Sequence[Record]) -> None:
        writer.write_table(pa.Table.from_pylist(list(rows), told).cast(kept))

    return write


TYPES = {
    Kind.TEXT: pa.string(),
    Kind.INTEGER: pa.int64(),
    Kind.NUMBER: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.DATE: pa.date32(),
    Kind.INSTANT: pa.timestamp("us", "UTC"),
}
WRITTEN_OUT = frozenset({Kind.DATE, Kind.INSTANT})
"""What answers have as text."""


def schema_of(columns: Sequence[Column], *, as_told: bool = False) -> pa.Schema:
    """`as_told` is as answers have it, where that is not how it is kept."""
    return pa.schema([field_of(column, as_told) for column in columns])


def field_of(column: Column, as_told: bool) -> pa.Field:
    if column.kind is Kind.RECORD:
        type_: pa.DataType = pa.struct([field_of(inner, as_told) for inner in column.columns])
    else:
        type_ = TYPES[Kind.TEXT if as_told and column.kind in WRITTEN_OUT else column.kind]
    for _ in range(column.lists):
        type_ = pa.list_(type_)
    return pa.field(column.name, type_)


def described(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """The columns as JSON."""
    return [
        {
            "name": column.name,
            "type": column.kind.value,
            **({"lists": column.lists} if column.lists else {}),
            **({"columns": described(column.columns)} if column.columns else {}),
        }
        for column in columns
    ]
