"""Event files for TensorBoard, read back by a reader of our own."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from amgan.training.board import Board, crc32c
from amgan.training.loop import Log


def fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Number and value of every field of a protocol buffer."""
    at = 0

    def varint() -> int:
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        key = varint()
        kind = key & 7
        if kind == 0:
            yield key >> 3, varint()
        elif kind == 2:
            length = varint()
            yield key >> 3, message[at : at + length]
            at += length
        else:
            size, letter = (8, "<d") if kind == 1 else (4, "<f")
            yield key >> 3, struct.unpack(letter, message[at : at + size])[0]
            at += size


def events(path: Path) -> list[dict[int, Any]]:
    """Every event of a file, its checksums verified."""
    raw, found = path.read_bytes(), []
    while raw:
        head, length = raw[:8], struct.unpack("<Q", raw[:8])[0]
        content = raw[12 : 12 + length]
        for part, stored in ((head, raw[8:12]), (content, raw[12 + length : 16 + length])):
            crc = crc32c(part)
            masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
            assert struct.unpack("<I", stored)[0] == masked
        found.append(dict(fields(content)))
        raw = raw[16 + length :]
    return found


@pytest.mark.parametrize(
    ("content", "crc"),
    [(b"123456789", 0xE3069283), (bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (b"", 0)],
)
def test_the_checksum_is_that_of_rfc_3720(content: bytes, crc: int) -> None:
    assert crc32c(content) == crc


def test_numbers_and_pictures_come_back(tmp_path: Path) -> None:
    board = Board(tmp_path / "board")
    board.numbers(300, {"g/paired": 0.25, "d/age": -3.0})
    board.picture(301, "grid", b"JPEG" * 100, (640, 200))
    (file,) = (tmp_path / "board").iterdir()
    assert file.name.startswith("events.out.tfevents.")
    version, numbers, picture = events(file)
    assert version[3] == b"brain.Event:2"
    assert numbers[2] == 300
    summary = [dict(fields(value)) for _, value in fields(numbers[5])]
    assert [(one[1], one[2]) for one in summary] == [(b"g/paired", 0.25), (b"d/age", -3.0)]
    value = dict(fields(dict(fields(picture[5]))[1]))
    assert (picture[2], value[1]) == (301, b"grid")
    assert dict(fields(value[4])) == {1: 200, 2: 640, 3: 3, 4: b"JPEG" * 100}


def test_every_part_of_a_run_has_a_file_of_its_own(tmp_path: Path) -> None:
    for step in (1, 2):
        Board(tmp_path).numbers(step, {"x": float(step)})
    assert len(list(tmp_path.iterdir())) == 2


def test_the_log_shows_the_same_means(tmp_path: Path) -> None:
    log = Log(tmp_path / "log.jsonl", 2, Board(tmp_path / "board"))
    log.add(0, {"a": 1.0})
    log.add(1, {"a": 2.0})
    (file,) = (tmp_path / "board").iterdir()
    _, event = events(file)
    shown = {one[1]: one[2] for one in (dict(fields(v)) for _, v in fields(event[5]))}
    assert event[2] == 2
    assert shown[b"a"] == 1.5
    assert set(shown) == {b"a", b"seconds"}


def test_tensorboard_itself_reads_it(tmp_path: Path) -> None:
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    board = Board(tmp_path)
    board.numbers(7, {"g/paired": 0.5})
    found = reader.EventAccumulator(str(tmp_path)).Reload()
    assert [(one.step, one.value) for one in found.Scalars("g/paired")] == [(7, 0.5)]
