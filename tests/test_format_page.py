"""docs/FORMAT.md against the code: one source of truth for offsets, bits and tables."""
from __future__ import annotations

import hashlib
import re
import struct
from enum import IntFlag
from pathlib import Path

import numpy as np
import pytest

from zvc69.bitstream import frame, header, index, writer
from zvc69.bitstream.payload import PayloadFlag
from zvc69.bitstream.references import ReferenceFlag
from zvc69.core.checksum import crc32c
from zvc69.core.entropy import GAUSSIAN

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "FORMAT.md").read_text()
TYPES = {"B": "u8", "H": "u16", "I": "u32", "Q": "u64", "h": "i16"}


def table(name: str) -> list[list[str]]:
    """Rows of the table that the page marks with `name`."""
    text = PAGE.split(f"<!-- table: {name} -->\n")[1].split("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[2:]]


@pytest.mark.parametrize("name, fields, size", [
    ("file header", header.FIELDS, 64), ("frame header", frame.FIELDS, 32), ("index entry", index.FIELDS, 16)])
def test_field_tables_are_the_structs(name: str, fields: tuple, size: int) -> None:
    offset, rows = 0, []
    for field, code in fields:
        rows.append([str(offset), str(struct.calcsize("<" + code)), TYPES.get(code, "bytes"), field])
        offset += struct.calcsize("<" + code)
    assert [row[:4] for row in table(name)] == rows
    assert offset == size


@pytest.mark.parametrize("name, flags", [
    ("file header flags", header.HeaderFlag), ("reference flags", ReferenceFlag), ("payload flags", PayloadFlag)])
def test_flag_tables_are_the_enums(name: str, flags: type[IntFlag]) -> None:
    assert {row[1]: 1 << int(row[0]) for row in table(name)} == {flag.name: flag.value for flag in flags}


def test_the_gaussian_tables_have_the_stated_hash() -> None:
    digest = hashlib.sha256()
    for t in range(64):
        frequencies = GAUSSIAN.frequencies(t)
        digest.update(struct.pack("<hBB", GAUSSIAN.first[t], GAUSSIAN.shift[t], len(frequencies)))
        digest.update(frequencies.astype("<u2").tobytes())
    assert digest.hexdigest() in PAGE


def test_magnitude_codes_are_the_same_on_both_pages_and_follow_their_formula() -> None:
    codes = " ".join(str(int(code)) for code in np.round(32 * np.log1p(np.arange(16))))
    assert f"M = {codes}" in PAGE
    assert codes in (DOCS / "INTERNALS.md").read_text()


def test_single_figures_are_the_constants() -> None:
    assert f"{crc32c(b'123456789'):#X}".replace("0X", "0x") in PAGE
    assert index.MAGIC.decode() in PAGE
    assert header.MAGIC.decode().rstrip("\0") in PAGE
    assert re.search(r"The first keyframe is listed, and every one that begins at least (\d+)", PAGE)[1] == str(index.SPACING)
    assert f"at least\n{writer.REPEAT_SPACING} bytes" in PAGE
    assert f"bits 7..3: {frame.MARKER >> 3:05b}" in PAGE
