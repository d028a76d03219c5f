"""What a phone's JPEG carries behind its picture: kept where nothing changes, else left out, and told."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from amgan.cli import main
from amgan.runtime import Pipeline, Request
from amgan.runtime.batch.plan import plan_run
from amgan.runtime.batch.run import run_batch
from amgan.runtime.photo.payloads import FILM, PICTURES, left_out, payloads

FILM_BYTES = b"\0\0\0\x18ftypmp42" + bytes(2000)
GAIN_MAP = (
    b'<x:xmpmeta><rdf:Description xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"/>'
    b"</x:xmpmeta>"
)


def phone_photo(path: Path, photo: np.ndarray, kind: str) -> Path:
    """A JPEG with a gain map as a second picture (MPO), a film behind it, both, or neither."""
    picture = Image.fromarray(photo)
    if kind in ("gain map", "both"):
        gains = Image.fromarray(photo[::4, ::4]).convert("L").convert("RGB")
        picture.save(path, "MPO", save_all=True, append_images=[gains], xmp=GAIN_MAP, quality=92)
    else:
        picture.save(path, "JPEG", quality=92, progressive=kind == "progressive")
    if kind in ("film", "both"):
        with path.open("ab") as stream:
            stream.write(FILM_BYTES)
    return path


CARRIED = {
    "plain": (),
    "progressive": (),
    "gain map": (PICTURES,),
    "film": (FILM,),
    "both": (PICTURES, FILM),
}


@pytest.mark.parametrize("kind", CARRIED)
def test_what_is_behind_the_picture_is_known(tmp_path: Path, hopper: np.ndarray, kind: str) -> None:
    photo = phone_photo(tmp_path / "a.jpg", hopper[::4, ::4], kind)
    assert payloads(photo) == CARRIED[kind]
    Image.fromarray(hopper[::4, ::4]).save(tmp_path / "b.jpg")
    assert left_out(photo, tmp_path / "b.jpg") == CARRIED[kind]
    assert left_out(photo, photo) == ()


def test_other_files_carry_nothing(tmp_path: Path) -> None:
    for content in (b"", b"text", b"\xff\xd8\xff\xe0", b"\xff\xd8\xff\xe0\0\x04ab", b"\x89PNG" + FILM_BYTES):
        (tmp_path / "a.jpg").write_bytes(content)
        assert payloads(tmp_path / "a.jpg") == ()


def aged(pipeline: Pipeline, photo: Path, folder: Path, age: str) -> Any:
    """The outcome of a photo."""
    (outcome,) = run_batch(pipeline, plan_run([photo], folder).tasks, Request.parse(age))
    assert outcome.status == "aged", outcome.reason
    return outcome


@pytest.mark.parametrize("kind", ["gain map", "film", "both"])
def test_it_is_kept_where_nothing_changes_and_told_where_it_is_left_out(
    pipeline: Pipeline, tmp_path: Path, hopper: np.ndarray, kind: str
) -> None:
    photo = phone_photo(tmp_path / "a.jpg", hopper, kind)
    same = aged(pipeline, photo, tmp_path / "same", "+0")
    assert same.target.path.read_bytes() == photo.read_bytes()
    assert "left_out" not in same.details
    older = aged(pipeline, photo, tmp_path / "older", "+30")
    assert older.details["left_out"] == list(CARRIED[kind])
    content = older.target.path.read_bytes()
    assert payloads(older.target.path) == ()
    assert b"hdrgm" not in content and b"MPF\0" not in content and b"ftyp" not in content
    assert Image.open(io.BytesIO(content)).size == (512, 600)


def test_the_command_says_so(tmp_path: Path, tiny_bundle: Path, hopper: np.ndarray) -> None:
    photo = phone_photo(tmp_path / "a.jpg", hopper, "both")
    asked = ["age", str(photo), "-o", str(tmp_path / "old.jpg"), "--age", "+30", "--model", str(tiny_bundle)]
    told = CliRunner().invoke(main, asked)
    assert told.exit_code == 0, told.output
    assert f"left out, as it shows the photo unaged: {PICTURES} and {FILM}" in " ".join(told.output.split())
