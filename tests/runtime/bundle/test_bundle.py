import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.helpers import tiny_manifest, write_tiny_bundle

from amgan.runtime.bundle.bundle import MANIFEST, Bundle, write_manifest
from amgan.runtime.bundle.manifest import SCHEMA, Manifest
from amgan.runtime.errors import BundleError
from amgan.runtime.files import file_sha256


def edit(folder: Path, **changes: object) -> None:
    path = folder / MANIFEST
    content = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({k: v for k, v in content.items() if v is not ...}))


def refusal(folder: Path) -> str:
    with pytest.raises(BundleError) as caught:
        Bundle.open(folder)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_open_gives_manifest_and_files(tiny_bundle: Path) -> None:
    bundle = Bundle.open(str(tiny_bundle))
    assert bundle.path == tiny_bundle
    assert bundle.manifest.model == "tiny"
    assert bundle.manifest.age_range == (15.0, 90.0)
    assert bundle.manifest.generator.inputs[0].shape == ("N", "H", "W", 3)
    assert bundle.manifest.generator.inputs[0].range == (0.0, 255.0)
    assert bundle.manifest.generator.outputs[0].range is None
    assert bundle.file("generator") == tiny_bundle / "generator.onnx"
    assert bundle.file("estimator", "fp32") == tiny_bundle / "estimator.onnx"


def test_manifest_survives_a_round_trip(tiny_bundle: Path) -> None:
    manifest = Bundle.open(tiny_bundle).manifest
    assert Manifest.from_dict(json.loads(json.dumps(manifest.to_dict()))) == manifest


def test_unknown_fields_are_passed_over(own_bundle: Path) -> None:
    edit(own_bundle, comment="added by a later version of the same schema")
    assert Bundle.open(own_bundle).manifest.model == "tiny"


def test_default_is_the_shipped_bundle(monkeypatch: pytest.MonkeyPatch, tiny_bundle: Path) -> None:
    monkeypatch.setattr("amgan.runtime.bundle.bundle.SHIPPED", tiny_bundle)
    assert Bundle.open().path == tiny_bundle


def test_file_prefers_fp32_and_says_what_there_is(own_bundle: Path) -> None:
    files = tiny_manifest(own_bundle)["files"]
    half = {"half.onnx": {**files["generator.onnx"], "precision": "fp16"}}
    (own_bundle / "half.onnx").write_bytes((own_bundle / "generator.onnx").read_bytes())
    edit(own_bundle, files=half | files)
    bundle = Bundle.open(own_bundle)
    assert bundle.file("generator").name == "generator.onnx"
    assert bundle.file("generator", "fp16").name == "half.onnx"
    for asked in (("estimator", "fp16"), ("sharpener",), ("generator", None, "tensorrt")):
        with pytest.raises(BundleError, match=r"holds no .*generator\.onnx.*export"):
            bundle.file(*asked)


def test_any_precision_serves_when_fp32_is_missing(own_bundle: Path) -> None:
    files = tiny_manifest(own_bundle)["files"]
    files["generator.onnx"]["precision"] = "fp16"
    edit(own_bundle, files=files)
    assert Bundle.open(own_bundle).file("generator").name == "generator.onnx"


def test_missing_folder(tmp_path: Path) -> None:
    assert "there is no bundle folder" in refusal(tmp_path / "nowhere")


def test_missing_manifest(tmp_path: Path) -> None:
    assert "holds no manifest.json" in refusal(tmp_path)


def test_unreadable_manifest(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).mkdir()
    assert "cannot be read" in refusal(tmp_path)


@pytest.mark.parametrize("content", [b"{", b"", b"\xff\xfe\x00", b"[" * 100_000])
def test_not_json(own_bundle: Path, content: bytes) -> None:
    (own_bundle / MANIFEST).write_bytes(content)
    assert "not JSON" in refusal(own_bundle)


@pytest.mark.parametrize("content", ["[]", "3", '"text"', "null"])
def test_json_that_is_no_object(own_bundle: Path, content: str) -> None:
    (own_bundle / MANIFEST).write_text(content)
    assert "not an object" in refusal(own_bundle)


def test_newer_schema(own_bundle: Path) -> None:
    edit(own_bundle, schema=SCHEMA + 1, halo_px=...)
    text = refusal(own_bundle)
    assert f"schema {SCHEMA + 1}, newer" in text
    assert "upgrade" in text


def test_bundles_of_before_are_refused(own_bundle: Path) -> None:
    edit(own_bundle, schema=1)
    text = refusal(own_bundle)
    assert "schema 1, of networks without face coordinates: export it again" in text


def test_schema_that_never_was(own_bundle: Path) -> None:
    edit(own_bundle, schema=0)
    assert "schema is 0" in refusal(own_bundle)


@pytest.mark.parametrize(
    "field",
    [
        "schema",
        "model",
        "halo_px",
        "age_range",
        "neutral_age",
        "patterns",
        "coordinates",
        "generator",
        "files",
    ],
)
def test_missing_field(own_bundle: Path, field: str) -> None:
    edit(own_bundle, **{field: ...})
    assert f"{field} is missing" in refusal(own_bundle)


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("halo_px", "56", "halo_px is '56', not int"),
        ("halo_px", True, "halo_px is True"),
        ("halo_px", 6, "halo_px cannot be 6"),
        ("patterns", 0, "patterns cannot be 0"),
        ("patterns", 9, "patterns cannot be 9"),
        ("coordinates", "ear", "coordinates cannot be ear"),
        ("halo_px", -4, "halo_px cannot be -4"),
        ("tile_multiple", 6, "tile_multiple cannot be 6"),
        ("min_frame_px", 100, "min_frame_px cannot be 100"),
        ("max_frame_px", 64, "max_frame_px cannot be 64"),
        ("canonical_px", 0, "canonical_px cannot be 0"),
        ("age_range", [15], "not 2 numbers"),
        ("age_range", ["a", "b"], "not 2 numbers"),
        ("age_range", [90, 15], "age_range cannot be"),
        ("oldest_trained_age", 95, "oldest_trained_age cannot be 95"),
        ("oldest_trained_age", "old", "oldest_trained_age"),
        ("neutral_age", "old", "neutral_age is 'old', not float"),
        ("neutral_age", None, "neutral_age is None"),
        ("generator", {"inputs": 3, "outputs": []}, "generator.inputs is 3"),
        ("generator", {"inputs": [3], "outputs": []}, "not an object"),
        (
            "estimator",
            {"frame_px": 256, "grid": 0, "inputs": [], "outputs": []},
            "estimator.grid cannot be 0",
        ),
        (
            "estimator",
            {"frame_px": 0, "grid": 1, "inputs": [], "outputs": []},
            "estimator.frame_px cannot be 0",
        ),
        ("files", {"a.onnx": {"role": "generator"}}, "files.a.onnx.format is missing"),
    ],
)
def test_wrong_field(own_bundle: Path, field: str, value: object, named: str) -> None:
    edit(own_bundle, **{field: value})
    assert named in refusal(own_bundle)


def test_missing_file(own_bundle: Path) -> None:
    (own_bundle / "estimator.onnx").unlink()
    assert "lacks the file 'estimator.onnx'" in refusal(own_bundle)


def test_wrong_hash(own_bundle: Path) -> None:
    path = own_bundle / "generator.onnx"
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    text = refusal(own_bundle)
    assert "generator.onnx" in text
    assert "SHA-256" in text


def test_unreadable_file(own_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("amgan.runtime.bundle.bundle.file_sha256", fail)
    assert "generator.onnx' cannot be read: Permission denied" in refusal(own_bundle)


@pytest.mark.parametrize(
    "name",
    ["/etc/hostname", "../generator.onnx", "sub/../../generator.onnx", "C:\\x", "\\x", "..\\x", "", "a\0b"],
)
def test_path_that_leaves_the_folder(own_bundle: Path, name: str) -> None:
    edit(own_bundle, files={name: tiny_manifest(own_bundle)["files"]["generator.onnx"]})
    assert "outside" in refusal(own_bundle)


def test_link_that_leaves_the_folder(own_bundle: Path, tiny_bundle: Path) -> None:
    (own_bundle / "generator.onnx").unlink()
    (own_bundle / "generator.onnx").symlink_to(tiny_bundle / "generator.onnx")
    assert "outside" in refusal(own_bundle)


def test_link_to_a_whole_bundle_is_good(tiny_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tiny_bundle)
    assert Bundle.open(tmp_path / "link").manifest.model == "tiny"


def test_write_refuses_a_manifest_of_missing_files(own_bundle: Path) -> None:
    manifest = Bundle.open(own_bundle).manifest
    (own_bundle / "estimator.onnx").unlink()
    (own_bundle / MANIFEST).unlink()
    with pytest.raises(BundleError, match=r"lacks 'estimator\.onnx'"):
        write_manifest(own_bundle, manifest)
    assert not (own_bundle / MANIFEST).exists()


def test_write_refuses_a_manifest_that_could_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="max_frame_px"):
        write_tiny_bundle(tmp_path / "bad", max_frame_px=64)


def test_write_leaves_nothing_when_it_fails(own_bundle: Path) -> None:
    manifest = Bundle.open(own_bundle).manifest
    (own_bundle / MANIFEST).unlink()
    (own_bundle / MANIFEST).mkdir()
    with pytest.raises(BundleError, match="cannot be written"):
        write_manifest(own_bundle, manifest)
    assert sorted(p.name for p in own_bundle.iterdir()) == ["estimator.onnx", "generator.onnx", MANIFEST]


@pytest.mark.parametrize(
    "module",
    [
        "",
        ".bundle.bundle",
        ".bundle.manifest",
        ".ages.request",
        ".engines.tiles",
        ".engines.contract",
        ".face.zones",
    ],
)
def test_contracts_import_nothing_heavy(module: str) -> None:
    heavy = ("torch", "onnx", "openvino", "PIL", "tensorrt", "tensorrt_rtx", "cuda")
    code = f"import sys, amgan.runtime{module}; print([m for m in {heavy} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_a_bundle_knows_the_checksums_of_its_files(own_bundle: Path) -> None:
    bundle = Bundle.open(own_bundle)
    for role in ("generator", "estimator"):
        assert bundle.digest(bundle.file(role)) == file_sha256(bundle.file(role))
