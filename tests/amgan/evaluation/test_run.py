"""`amgan evaluate` from beginning to end with a tiny bundle and fake judges, and its refusals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.command_line import refuse, run
from support.fake_judges import fake_judges
from support.helpers import COLLINS, HOPPER
from support.tiny_set import write_set

from amgan.evaluation import judges as judges_module
from amgan.evaluation.belief_summary import OLDER_KEY, YOUNGER_KEY
from amgan.evaluation.cases import rankings
from amgan.evaluation.one_face import measure_face
from amgan.evaluation.pairs import find_pairs, measure_pairs
from amgan.evaluation.report import make_report
from amgan.evaluation.requests import ASKED, Depth
from amgan.evaluation.run import run_evaluation
from amgan.evaluation.source import find_sources
from amgan.evaluation.summary import face_row, summarise_findings
from amgan.evaluation.tables import shown
from amgan.evaluation.targets import Target, target_results
from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.errors import UsageError
from amgan.runtime.pipeline.face_filter import NoFaceError
from amgan.runtime.pipeline.pipeline import Pipeline

pytestmark = pytest.mark.slow

FIRST = "fake"
ROW = 320


@pytest.fixture(scope="module")
def portraits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared set whose two held-out frames are real portraits."""
    small = [
        Image.open(f).convert("RGB").crop((0, 0, 512, 512)).resize((ROW, ROW)) for f in (HOPPER, COLLINS)
    ]
    frames = np.zeros((8, ROW, ROW, 3), np.uint8)
    frames[6:] = [np.asarray(one) for one in small]
    return write_set(tmp_path_factory.mktemp("evaluated") / "set", frames=frames)


@pytest.fixture(scope="module")
def done(portraits: Path, tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Path) -> Path:
    """The folder that the command wrote for the two portraits, with fake judges."""
    output = tmp_path_factory.mktemp("evaluated") / "results"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(judges_module, "open_judges", lambda bundle, face_api: fake_judges())
        asked = ["evaluate", str(portraits), "--model", str(tiny_bundle), "-o", str(output), "--every", "2"]
        found = run(*asked)
    assert found.exit_code == 0, found.output
    assert "2 faces judged, 0 pictures without a face" in found.output
    return output


@pytest.fixture(scope="module")
def result(done: Path) -> dict[str, Any]:
    return json.loads((done / "evaluation.json").read_text())


def test_the_command_writes_numbers_report_and_pictures(done: Path, tiny_bundle: Path, result: Any) -> None:
    names = {"evaluation.json", "report.html", "best.jpg", "worst.jpg", "look-held-out-1.jpg", "faults.csv"}
    names |= {"readings.png", "identity.png", "sweep.png", "tone.png"}
    assert {file.name for file in done.iterdir()} == names
    assert result["bundle"]["model"] == Bundle.open(tiny_bundle).manifest.model
    assert result["hardware"]["cores"] >= 1
    assert result["changes"] == {"shape": True, "features": True, "neck": True, "hair": True}
    assert result["versions"]["numpy"] == np.__version__
    page = (done / "report.html").read_text()
    assert "Evaluation of" in page
    assert "judges see changes of shape, features, neck, hair." in " ".join(page.split())
    assert page.count("<img") > 2 * (1 + len(ASKED))
    assert "http" not in page.replace("http-equiv", ""), "the report needs nothing from elsewhere"


def test_the_result_holds_every_measure(result: Any) -> None:
    measured = result["all"]
    assert measured["faces"] == 2
    assert set(measured["age"]) == {"fake", "second"}
    assert measured["age"][FIRST]["reading"]["70"]["n"] == 2
    assert measured["identity"]["distance"]["70"]["mean"] > 0
    assert measured["locality"]["inside"]["n"] == 1
    assert measured["zones"]["forehead"]["inside"]["n"] == 1
    assert measured["sweep"]["largest_step_codes"]["mean"] > 0
    assert measured["present_age_changes_nothing"]["mean"] == 1
    assert measured["outside"]["changed_pixels"] == 0
    assert result["anchors"]["different_people"]["n"] == 1
    assert result["seams"] == {"faces": 1, "largest_difference_codes": 0}
    assert sum(band["faces"] for band in result["age_bands"].values()) == 2
    assert sum(band["faces"] for band in result["skin_bands"].values()) == 2
    assert [row["name"] for row in result["by_face"]] == ["6.jpg", "7.jpg"]


def test_belief_is_measured_by_group(result: Any) -> None:
    groups = [result["all"], *result["age_bands"].values(), *result["skin_bands"].values()]
    groups += list(result["sources"].values())
    asked = [group["belief"][key] for group in groups for key in (OLDER_KEY, YOUNGER_KEY)]
    assert sum(one["faces"] for one in asked[:2]) >= 1
    measured = next(one for one in asked if one["faces"])
    assert measured["darkness_codes"]["mean"] <= measured["lightness_codes"]["mean"]
    assert set(measured["years"]) == {"fake", "second"}
    assert measured["distance"]["n"] == measured["faces"]
    assert result["true_ages"] == {}
    assert set(result["by_face"][0]["belief"]) == {"75", "30"}


def test_portraits_of_known_age_are_judged_and_stay_out_of_the_sheets_for_docs(
    tmp_path: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, photo in (("a.jpg", HOPPER), ("b.jpg", COLLINS)):
        Image.open(photo).convert("RGB").save(tmp_path / name)
    table = tmp_path / "ages.csv"
    table.write_text(
        "file,kind,age,age_is\na.jpg,real,83,true\nb.jpg,synthetic,30,asked\nc.jpg,real,50,true\n"
    )
    monkeypatch.setattr(judges_module, "open_judges", lambda bundle, face_api: fake_judges())
    output = tmp_path / "results"
    found = run(
        "evaluate",
        "--portraits",
        str(tmp_path),
        "--ages",
        str(table),
        "--split",
        "all",
        "--every",
        "0",
        "--model",
        str(tiny_bundle),
        "-o",
        str(output),
    )
    assert found.exit_code == 0, found.output
    result = json.loads((output / "evaluation.json").read_text())
    assert result["source"] == "2 all portraits, 1 of them of real people"
    assert set(result["sources"]) == {"real", "synthetic"}
    assert result["true_ages"][FIRST]["faces"] == 1
    known = {row["name"]: row["known_years"] for row in result["by_face"]}
    assert known == {"a.jpg": 83.0, "b.jpg": 30.0}
    assert result["sources"]["real"]["belief"][YOUNGER_KEY]["faces"] == 1
    assert result["sources"]["synthetic"]["belief"][OLDER_KEY]["faces"] == 1
    assert "Readers against true ages" in (output / "report.html").read_text()
    assert {p.name for p in output.glob("look-*")} == {"look-real-1.jpg", "look-synthetic-1.jpg"}
    shown = find_sources(None, "all", portraits=(tmp_path, table))
    with Pipeline(tiny_bundle) as pipeline:
        faces = [measure_face(pipeline, fake_judges(), source) for source in shown]
    assert [(face.kind, face.real) for face in faces if face] == [("real", True), ("synthetic", False)]


@pytest.mark.parametrize("folders", [True, False])
def test_pairs_of_anybody_are_judged(
    folders: bool, tmp_path: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = Image.open(HOPPER).convert("RGB")
    darker = picture.point(lambda code: code * 0.9)
    for side, one in (("before", picture), ("after", darker)):
        target = tmp_path / side / "hopper.png" if folders else tmp_path / f"hopper-{side}.png"
        target.parent.mkdir(exist_ok=True)
        one.save(target)
    monkeypatch.setattr(judges_module, "open_judges", lambda bundle, face_api: fake_judges())
    asked = ["evaluate", "--pairs", str(tmp_path), "--model", str(tiny_bundle), "-o", str(tmp_path / "out")]
    found = run(*asked)
    assert found.exit_code == 0, found.output
    assert "1 pairs judged, 0 without a face" in found.output
    assert "darkest 1 % of the broad change" in found.output
    result = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert result["belief"]["darkness_codes"]["mean"] < -10
    assert result["belief"]["years"][FIRST]["mean"] < 0
    assert result["belief"]["correlation"] is None
    assert (tmp_path / "out" / "look-pairs-1.jpg").is_file()
    rows = (tmp_path / "out" / "faults.csv").read_text().splitlines()
    rows[1] = rows[1].replace(",,", ",1,", 1)
    (tmp_path / "faults.csv").write_text("\n".join(rows))
    counted = run("evaluate", "--faults", str(tmp_path / "faults.csv"), "-o", str(tmp_path / "out"))
    assert counted.exit_code == 0, counted.output
    assert "all: 1 faces, 0% free of all faults" in counted.output
    counts = json.loads((tmp_path / "out" / "evaluation.json").read_text())["faults"]
    assert counts["pairs"]["faults"]["bruise"]["mean"] == 1.0


def pairs_folder(folder: Path, **pictures: tuple[int, int]) -> Path:
    for name, size in pictures.items():
        Image.new("RGB", size).save(folder / f"{name}.png")
    return folder


def test_pairs_that_cannot_be_judged(
    tmp_path: Path, tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="'nowhere' is not a folder"):
        find_pairs(Path("nowhere"))
    with pytest.raises(UsageError, match="holds no pairs: name pictures"):
        find_pairs(tmp_path)
    with pytest.raises(UsageError, match="has no partner for a: give every face twice"):
        find_pairs(pairs_folder(tmp_path, a_before=(60, 60)))
    pairs_folder(tmp_path, a_after=(60, 50))
    with pytest.raises(UsageError, match=r"have 60 x 60 and 60 x 50 px: give both in one size"):
        measure_pairs(find_pairs(tmp_path), fake_judges())
    pairs_folder(tmp_path, a_after=(60, 60))
    monkeypatch.setattr(judges_module, "open_judges", lambda bundle, face_api: fake_judges())
    asked = ["evaluate", "--pairs", str(tmp_path), "--model", str(tiny_bundle), "-o", str(tmp_path / "out")]
    assert "no face was found in any of the 1 pairs" in refuse(*asked, code=1)
    assert "--pairs judges nothing but pairs" in refuse(*asked, "--photos", str(tmp_path))
    Image.new("RGB", (60, 60)).save(tmp_path / "a_before.jpg")
    with pytest.raises(UsageError, match="has two pictures a before: keep one"):
        find_pairs(tmp_path)


def test_portraits_and_their_table_go_together(tmp_path: Path) -> None:
    assert "--portraits and --ages go together" in refuse("evaluate", "--portraits", str(tmp_path))
    (tmp_path / "ages.csv").write_text("file,age\na.jpg,30\n")
    with pytest.raises(UsageError, match="has no held-out portrait that"):
        find_sources(None, portraits=(tmp_path, tmp_path / "ages.csv"))
    with pytest.raises(UsageError, match="is no folder: give one with portraits"):
        find_sources(None, portraits=(tmp_path / "none", tmp_path / "ages.csv"))


def test_the_aims_are_judged(result: Any) -> None:
    lines = {one.text: one for one in target_results(result)}
    assert lines["Pixels changed outside the face"].reached
    assert lines["Seams: one tile against many"].found == "0 code values"
    locality = lines["Locality: share of the change inside the zone asked for"]
    slopes = [one.text for one in target_results(result) if one.text.startswith("Slope")]
    assert [text.split("(")[1] for text in slopes] == ["fake)", "second)"]
    assert locality.reached == (result["all"]["locality"]["inside"]["mean"] >= 0.9)


def test_an_aim_in_words() -> None:
    target = Target("x", (), lowest=0.5, highest=1.3)
    assert (target.wanted(), target.reached(0.4), target.reached(1.0), target.reached(1.4)) == (
        "0.5 to 1.3",
        False,
        True,
        False,
    )
    assert replace(target, highest=None, unit="dB").wanted() == "at least 0.5 dB"
    assert replace(target, lowest=None).wanted() == "at most 1.3"


def test_a_table_cell() -> None:
    assert shown({"n": 0}) == "–"
    assert shown({"n": 1, "mean": 2.0, "standard_error": None}) == "2.00"
    assert shown({"n": 2, "mean": 2.0, "standard_error": 0.25}, 1) == "2.0 ± 0.2"


def test_a_picture_without_a_face_is_counted(portraits: Path, tiny_bundle: Path) -> None:
    sources = find_sources(portraits, "train", 2)
    with pytest.raises(NoFaceError, match=r"no face was found in 0\.jpg, 5\.jpg"):
        run_evaluation(Bundle.open(tiny_bundle), fake_judges(), sources)


def test_photos_are_judged_by_their_largest_face(tmp_path: Path, tiny_bundle: Path) -> None:
    wide = Image.new("RGB", (1400, 900), (90, 120, 90))
    wide.paste(Image.open(HOPPER), (700, 150))
    wide.save(tmp_path / "wide.png")
    Image.new("RGB", (300, 300)).save(tmp_path / "black.jpg")
    (tmp_path / "notes.txt").write_text("no photo")
    seen: list[tuple[int, int, str]] = []
    sources = find_sources(None, photos=tmp_path)
    depth = Depth(every=5, seams=0)
    bundle = Bundle.open(tiny_bundle)
    found = run_evaluation(bundle, fake_judges(), sources, depth, lambda *what: seen.append(what))
    assert seen == [(1, 2, "black.jpg"), (2, 2, "wide.png")]
    assert found.not_found == ("black.jpg",)
    assert [(face.name, face.kind) for face in found.faces] == [("wide.png", "photos")]
    result = summarise_findings(found, fake_judges())
    assert result["seams"]["largest_difference_codes"] is None
    assert result["all"]["sweep"]["largest_step_codes"] == {"n": 0}
    assert len(target_results(result)) >= 5
    assert face_row(found.faces[0])["kind"] == "photos"
    assert [one.worst for one in rankings(found.faces, FIRST)] == [()] * len(rankings(found.faces, FIRST))
    head = {"bundle": {"model": "<m>", "checkpoint_sha256": ""}, "source": "photos", "date": "2026",
            "hardware": {"cpu": "c", "cores": 1}}  # fmt: skip
    page = make_report(head | result, found.faces, {})
    assert "No face was found in 1 more pictures" in page
    assert "&lt;m&gt;" in page
