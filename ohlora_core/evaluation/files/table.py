"""Reads a CSV file that a user made: encodings, columns, numbers, labels.

Knows nothing of tasks or models. Every complaint names the file, and where it can the row (as a
spreadsheet counts: the header is row 1) and the column.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ohlora_core.errors import EvaluationFileError
from ohlora_core.session import clean_input

__all__ = ["Record", "read_records"]

_UNUSUAL_SHARE = 0.3  # of the non-ASCII characters of a text that KS X 1001 does not have
_SHOWN = 40  # characters of a cell in a message


@dataclass(frozen=True)
class Record:
    """One data row; texts are cleaned as the app cleans what is typed.

    Attributes:
        path: The file, for messages.
        row: Number of the row in a spreadsheet.
        cells: Column -> text, "" if the cell is empty or an optional column is absent.
    """

    path: Path
    row: int
    cells: Mapping[str, str]

    def text(self, column: str) -> str:
        """A cell that must not be empty.

        Raises:
            EvaluationFileError: if it is.
        """
        if not self.cells[column]:
            raise self.wrong(column, "비어 있어요.", "is empty.")
        return self.cells[column]

    def fraction(self, column: str) -> float:
        """A number in 0..1.

        Raises:
            EvaluationFileError: if the cell holds anything else.
        """
        text = self.text(column)
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 0 <= value <= 1:  # false for NaN, too
            raise self.wrong(
                column,
                f"0 에서 1 사이의 숫자여야 하는데 '{text[:_SHOWN]}' 이에요.",
                f"must be a number from 0 to 1, not '{text[:_SHOWN]}'.",
            )
        return value

    def choice(self, column: str, known: Mapping[str, str] | Iterable[str]) -> str:
        """One of the known names; spaces and case do not matter.

        Args:
            known: The names, or other spellings -> name.

        Raises:
            EvaluationFileError: listing the names, if the cell holds none of them.
        """
        return self.name_of(column, self.text(column), known)

    def name_of(self, column: str, text: str, known: Mapping[str, str] | Iterable[str]) -> str:
        """The known name that a part of a cell means; see `choice`."""
        spellings = known if isinstance(known, Mapping) else {name: name for name in known}
        names = {_squeezed(spelling): name for spelling, name in spellings.items()}
        try:
            return names[_squeezed(text)]
        except KeyError:
            listed = " | ".join(dict.fromkeys(spellings.values()))
            raise self.wrong(
                column,
                f"'{text[:_SHOWN]}' 은(는) 모르는 이름이에요. 쓸 수 있는 이름: {listed}",
                f"'{text[:_SHOWN]}' is not known. Known: {listed}",
            ) from None

    def wrong(self, column: str, korean: str, english: str) -> EvaluationFileError:
        """The error that says what is wrong with a cell."""
        return EvaluationFileError(
            self.path,
            f"{self.row}행의 '{column}' 열: {korean}",
            f"row {self.row}, column '{column}': {english}",
        )


def read_records(path: Path, required: Sequence[str], optional: Sequence[str] = ()) -> list[Record]:
    """The rows of a comma-separated file with a header; rows without any text are skipped.

    UTF-8 (with or without a byte order mark) and CP949 (what Korean spreadsheets write) are read.

    Args:
        required: Columns that the file must have; their order and other columns do not matter.
        optional: Columns that are read if they are there.

    Raises:
        EvaluationFileError: if the file is missing, empty, in another encoding, not a table, lacks
            a column or has no rows.
    """
    lines = _lines(path, _decoded(path, _content(path)))
    if not lines:
        raise EvaluationFileError(
            path,
            f"비어 있어요. 첫 줄에 열 이름을 적어 주세요: {','.join(required)}",
            f"is empty. Its first line must name the columns: {','.join(required)}",
        )
    header = [clean_input(cell).lower() for cell in lines[0][1]]
    missing = [column for column in required if column not in header]
    if missing:
        found = ", ".join(header)
        raise EvaluationFileError(
            path,
            f"열이 없어요: {', '.join(missing)}. 있는 열: {found[:400]}",
            f"lacks the columns {', '.join(missing)}. Found: {found[:400]}",
        )
    places = {column: header.index(column) for column in required}
    places |= {column: header.index(column) for column in optional if column in header}
    empty = dict.fromkeys(optional, "")
    records = []
    for row, line in lines[1:]:
        cells = [clean_input(cell) for cell in line]
        if any(cells[len(header) :]):
            raise EvaluationFileError(
                path,
                f"{row}행의 칸이 {len(cells)}개로 열 {len(header)}개보다 많아요. 쉼표가 든 글은 "
                "큰따옴표로 감싸 주세요.",
                f"row {row} has {len(cells)} cells for {len(header)} columns. Put quotation marks "
                "around texts with commas.",
            )
        cells += [""] * (len(header) - len(cells))
        named = empty | {column: cells[place] for column, place in places.items()}
        records.append(Record(path, row, named))
    if not records:
        raise EvaluationFileError(
            path,
            "열 이름만 있고 데이터가 없어요. 한 행 이상 적어 주세요.",
            "has a header but no rows. Add at least one.",
        )
    return records


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise EvaluationFileError(
            path, "파일이 없어요. 경로를 확인해 주세요.", "does not exist. Check the path."
        ) from None
    except OSError as error:
        detail = error.strerror or str(error)
        raise EvaluationFileError(
            path,
            f"읽을 수 없어요 ({detail}). CSV 파일의 경로를 적어 주세요.",
            f"cannot be read ({detail}). Give the path of a CSV file.",
        ) from error


def _decoded(path: Path, content: bytes) -> str:
    """The text of a file in UTF-8 or CP949."""
    text: str | None
    try:
        text, detail = content.decode("utf-8-sig"), "NUL"
    except UnicodeDecodeError as error:
        text, detail = _korean(content), f"byte {error.start}"
    if text is None or "\0" in text:
        raise EvaluationFileError(
            path,
            f"UTF-8 도 CP949 도 아닌 파일이에요 ({detail}). 스프레드시트에서 'CSV UTF-8' 형식으로 "
            "다시 저장해 주세요.",
            f"is neither UTF-8 nor CP949 ({detail}). Save it again as 'CSV UTF-8'.",
        )
    return text


def _korean(content: bytes) -> str | None:
    """The text of bytes in CP949, None if they are not.

    Many texts in other encodings decode as CP949 as well, but to syllables that Korean hardly
    uses: those beyond KS X 1001 (for which EUC-KR needs more than two bytes).
    """
    try:
        text = content.decode("cp949")
    except UnicodeDecodeError:
        return None
    foreign = [character for character in text if not character.isascii()]
    unusual = sum(len(character.encode("euc_kr", "ignore")) != 2 for character in foreign)
    return text if unusual <= _UNUSUAL_SHARE * len(foreign) else None


def _lines(path: Path, text: str) -> list[tuple[int, list[str]]]:
    """(row number, cells) of every line with text."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    lines = []
    try:
        for row, cells in enumerate(reader, start=1):
            if any(cell.strip() for cell in cells):
                lines.append((row, cells))
    except csv.Error as error:
        raise EvaluationFileError(
            path,
            f"{reader.line_num}번째 줄에서 CSV 형식이 깨졌어요 ({error}). 큰따옴표의 짝을 확인해 "
            "주세요.",
            f"line {reader.line_num} is not valid CSV ({error}). Check its quotation marks.",
        ) from error
    return lines


def _squeezed(text: str) -> str:
    return "".join(text.split()).casefold()
