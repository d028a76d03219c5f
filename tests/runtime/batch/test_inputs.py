"""What a batch is given: several inputs, patterns, lists, and links that lead astray."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.fake_pipeline import REQUEST, FakePipeline, photo

from amgan.runtime.batch.inputs import read_list
from amgan.runtime.batch.plan import plan_run
from amgan.runtime.batch.run import BatchOptions, run_batch
from amgan.runtime.errors import UsageError
from amgan.runtime.storage.location import Location


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with photos in in/, in/sub/ and more/, and a file that is no photo."""
    monkeypatch.chdir(tmp_path)
    for name in ("in/a.png", "in/sub/b.png", "in/sub/[1].png", "more/a.png"):
        photo(tmp_path / name)
    (tmp_path / "in" / "notes.txt").write_text("")
    return tmp_path


def targets(inputs: list[str], listed: list[str] | None = None) -> dict[str, str]:
    """Target below the output folder, by source, of all that is not refused."""
    plan = plan_run(inputs, Path("out"), listed)
    return {str(j.source): j.name for j in plan.tasks if not j.refusal}


def refusals(inputs: list[str], listed: list[str] | None = None) -> dict[str, str]:
    return {str(j.source): j.refusal for j in plan_run(inputs, Path("out"), listed).tasks if j.refusal}


def test_one_input_is_what_it_was(here: Path) -> None:
    assert plan_run(["in"], "out").root == Location("out")
    assert plan_run(["in/a.png"], Path("old.png")).root is None
    assert plan_run(["in/sub/[1].png"], Path("out")).tasks[0].target == Location("out/[1].png")


def test_several_inputs_lie_side_by_side(here: Path) -> None:
    assert targets(["in", "more", "in/sub/b.png"]) == {
        "in/a.png": "in/a.png",
        "in/sub/b.png": "b.png",
        "in/sub/[1].png": "in/sub/[1].png",
        "more/a.png": "more/a.png",
    } | {"in/sub/b.png": "b.png"}
    assert targets(["in", "in", "./in"]) == targets(["in", "in"])


def test_patterns_keep_the_folders_below_their_fixed_part(here: Path) -> None:
    assert targets(["in/**/*.png"]) == {
        "in/a.png": "a.png", "in/sub/b.png": "sub/b.png", "in/sub/[1].png": "sub/[1].png",
    }  # fmt: skip
    assert targets(["*/a.png"]) == {"in/a.png": "in/a.png", "more/a.png": "more/a.png"}
    assert targets(["mo*"]) == {"more/a.png": "more/a.png"}
    assert "its extension is '.txt'" in refusals(["in/*"])["in/notes.txt"]
    (here / "in" / "drawing.PPM").touch()
    assert refusals(["in/*"])["in/drawing.PPM"] == "unsupported picture format: .ppm"
    photo(here / "out" / "in" / "a.png")
    assert targets(["**/a.png"]) == targets(["*/a.png"])


def test_lists_keep_the_paths_as_they_are_written(here: Path) -> None:
    away = str(here / "more" / "a.png")
    lines = ["in/a.png\r\n", "", "./in/sub", away, "gone.png"]
    found = targets([], lines)
    assert found == {
        "in/a.png": "in/a.png",
        "in/sub/[1].png": "in/sub/[1].png",
        "in/sub/b.png": "in/sub/b.png",
        away: away.lstrip("/"),
    }
    assert refusals([], lines) == {"gone.png": "it does not exist"}
    assert targets([], ["in/../more/a.png"]) == {"in/../more/a.png": away.lstrip("/")}
    os.mkfifo("pipe.png")
    assert "not a regular file" in refusals(["in"], ["pipe.png"])["pipe.png"]


def test_two_photos_for_one_output_are_not_written_over_each_other(here: Path) -> None:
    assert refusals(["in/a.png", "more/a.png"]) == {
        "more/a.png": "'in/a.png' has the same output 'out/a.png': rename one of them"
    }


def test_wrong_inputs(here: Path) -> None:
    Path("file").write_text("")
    for inputs, listed, output, says in (
        ([], None, "out", "nothing to do: give photos"),
        ([], [""], "out", "nothing to do: give photos"),
        (["in", "gone"], None, "out", "'gone' does not exist"),
        (["in/*.bmp"], None, "out", "matches no file"),
        (["in", "more"], None, "file", "'file' is a file"),
        (["in/a.png"], ["in/a.png"], "in/..", "never overwritten"),
    ):
        with pytest.raises(UsageError, match=says):
            plan_run(inputs, Path(output), listed)
    Path("empty").mkdir()
    with pytest.raises(UsageError, match="contain no photos"):
        plan_run(["empty", "empty"], Path("out"))


def test_several_photos_need_a_folder(here: Path) -> None:
    for inputs in (["in"], ["in/a.png", "more"], ["in/*.png"]):
        with pytest.raises(UsageError, match=r"'out/old.jpg' has the name of a picture.*name a folder"):
            plan_run(inputs, Path("out/old.jpg"))
    Path("album.jpg").mkdir()
    assert plan_run(["in"], Path("album.jpg")).root == Location("album.jpg")


def test_reading_a_list(tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(b"a.png\nb\xff.png\n")
    assert read_list(str(tmp_path / "list"), ()) == ["a.png", "b\udcff.png"]
    assert read_list("-", [b"c.png\n"]) == ["c.png"]
    with pytest.raises(UsageError, match=r"cannot be read \(No such file"):
        read_list(str(tmp_path / "gone"), ())


@pytest.mark.parametrize(
    "content",
    [
        b"a.png\0my photos/b\xc3\xa4.png\0",
        b"\xef\xbb\xbfa.png\r\nmy photos/b\xc3\xa4.png\r\n",
        "\ufeffa.png\r\nmy photos/b\u00e4.png\r\n".encode("utf-16-le"),
        "\ufeffa.png\r\nmy photos/b\u00e4.png\r\n".encode("utf-16-be"),
    ],
)
def test_lists_as_find_and_windows_write_them(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "list").write_bytes(content)
    for names in (read_list(str(tmp_path / "list"), ()), read_list("-", [content[:7], content[7:]])):
        assert [name for name in names if name] == ["a.png", "my photos/b\u00e4.png"]


def test_a_list_in_broken_utf_16_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(b"\xff\xfea")
    with pytest.raises(UsageError, match="begins like UTF-16 but is not"):
        read_list(str(tmp_path / "list"), ())


def test_links_that_lead_out_are_not_followed(tmp_path: Path) -> None:
    photo(tmp_path / "private" / "p.png")
    source = photo(tmp_path / "in" / "a.png").parent
    (source / "out.png").symlink_to(tmp_path / "private" / "p.png")
    (source / "in.png").symlink_to(source / "a.png")
    (source / "folder").symlink_to(tmp_path / "private")
    outcomes = run_batch(FakePipeline(), plan_run([source], tmp_path / "out").tasks, REQUEST)
    assert {one.source.name: one.status for one in outcomes} == {
        "a.png": "aged", "in.png": "aged", "out.png": "skipped", "folder": "skipped",
    }  # fmt: skip
    assert all("not followed" in one.reason for one in outcomes if one.status == "skipped")


def test_no_output_leaves_its_folder(tmp_path: Path) -> None:
    photo(tmp_path / "in" / "sub" / "a.png")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub").symlink_to(tmp_path / "elsewhere")
    jobs = plan_run([tmp_path / "in"], tmp_path / "out").tasks
    (outcome,) = run_batch(FakePipeline(), jobs, REQUEST, options=BatchOptions(root=tmp_path / "out"))
    assert outcome.status == "failed"
    assert "leads out of" in outcome.reason
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_link_that_leads_to_itself_is_no_crash(tmp_path: Path) -> None:
    photo(tmp_path / "in" / "loop" / "a.png")
    photo(tmp_path / "in" / "b.png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "loop").symlink_to("loop")
    options = BatchOptions(root=tmp_path / "out")
    good, bad = run_batch(
        FakePipeline(), plan_run([tmp_path / "in"], tmp_path / "out").tasks, REQUEST, options=options
    )
    assert (good.status, bad.status) == ("aged", "failed")


@pytest.mark.parametrize(
    "start", [b"\xff\xd8\xff\xe0\0\x10JFIF", b"\x89PNG\r\n", b"PK\3\4", b"\0\0\0\x18ftypheic"]
)
def test_a_picture_is_no_list(tmp_path: Path, start: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(start + bytes(range(256)))
    with pytest.raises(UsageError, match=r"a\.jpg' is a picture or an archive: give a text file"):
        read_list(str(tmp_path / "a.jpg"), ())


def test_a_line_that_is_too_long_is_refused_alone(here: Path) -> None:
    line = "x" * 300
    assert targets([], [line, "in/a.png"]) == {"in/a.png": "in/a.png"}
    assert refusals([], [line, "in/a.png"]) == {line: "it cannot be used: File name too long"}
