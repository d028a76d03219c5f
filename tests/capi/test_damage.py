"""Bundles cut short or with bytes flipped are refused as Python refuses them, never with a crash."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from support.capi import BUNDLE, ENGINE, OK, AmganError, Library, write_broken
from support.helpers import PATTERNS, tiny_manifest
from support.tiny_networks import TINY_GENERATOR, random_generator

from amgan.export.graphs.emit import emit_generator
from amgan.export.simplify import simplify
from amgan.runtime.bundle.bundle import SHIPPED, Bundle, write_manifest
from amgan.runtime.bundle.manifest import Manifest
from amgan.runtime.errors import BundleError


def status_of(library: Library, folder: Path) -> int:
    """How opening a bundle in C ends."""
    try:
        library.open(folder).close()
    except AmganError as error:
        assert str(error)
        assert "\n" not in str(error)
        return error.status
    return OK


def opens_in_python(folder: Path) -> bool:
    try:
        Bundle.open(folder)
    except BundleError:
        return False
    return True


def test_bytes_that_are_missing_or_flipped(library: Library, own_bundle: Path) -> None:
    rng = np.random.default_rng(11)
    names = ["manifest.json", "generator.onnx", "estimator.onnx"]
    whole = {name: (own_bundle / name).read_bytes() for name in names}
    for _ in range(150):
        name = names[rng.integers(3)]
        content = bytearray(whole[name])
        place = int(rng.integers(len(content)))
        if rng.random() < 0.5:
            del content[place:]
        else:
            content[place] ^= int(rng.integers(1, 256))
        (own_bundle / name).write_bytes(content)
        status = status_of(library, own_bundle)
        if name == "manifest.json":
            # A name or a number may have become another one that is as good.
            assert (status != BUNDLE) == opens_in_python(own_bundle), bytes(content)
        else:
            assert status == BUNDLE
        (own_bundle / name).write_bytes(whole[name])
    assert status_of(library, own_bundle) == OK


def change(folder: Path, edit: Callable[[dict[str, Any]], Any]) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    edit(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda m: m.update(schema=3), "has schema 3, newer than this library's 2"),
        (lambda m: m.update(schema=1), "has schema 1, of networks that know nothing of face coordinates"),
        (lambda m: m.pop("patterns"), "patterns is missing"),
        (lambda m: m.update(patterns=9), "patterns cannot be 9"),
        (lambda m: m.update(coordinates="ear"), "coordinates is 'ear', not one of face, frame"),
        (lambda m: m.update(schema=0), "schema is 0, which there never was"),
        (lambda m: m.update(halo_px=2.5), "halo_px is not a whole number"),
        (lambda m: m.update(halo_px=2**40), "halo_px is out of range"),
        (lambda m: m.pop("model"), "model is missing"),
        (lambda m: m.update(model=7), "model is not a text"),
        (lambda m: m.update(min_frame_px=100), "min_frame_px cannot be 100"),
        (lambda m: m.update(max_frame_px=64), "max_frame_px cannot be 64"),
        (lambda m: m.update(canonical_px=0), "canonical_px cannot be 0"),
        (lambda m: m.update(tile_multiple=5), "tile_multiple cannot be 5"),
        (lambda m: m.update(halo_px=6), "halo_px cannot be 6"),
        (lambda m: m.update(age_range=[90, 15]), "age_range cannot be 90"),
        (lambda m: m.update(age_range=[15]), "age_range is not 2 numbers"),
        (lambda m: m.update(neutral_age=float("nan")), "neutral_age cannot be"),
        (lambda m: m.update(oldest_trained_age=200), "oldest_trained_age cannot be 200"),
        (lambda m: m["estimator"].update(grid=0), "estimator.grid cannot be 0"),
        (lambda m: m.update(files=[]), "files is not an object"),
        (lambda m: m["files"].update(x=3), "files.x. is not an object"),
        (lambda m: m["files"]["generator.onnx"].pop("sha256"), "files.generator.onnx.sha256 is missing"),
        (lambda m: m["generator"]["inputs"].append(3), "generator.inputs. is not an object"),
        (lambda m: m["files"].update({"../x": m["files"]["generator.onnx"]}), "lies outside of it"),
        (lambda m: m["files"].update({"C:\\x": m["files"]["generator.onnx"]}), "lies outside of it"),
        (lambda m: m["files"].update({"none": m["files"]["generator.onnx"]}), "lacks the file 'none'"),
        (lambda m: m["files"].pop("generator.onnx"), "holds no fp32 onnx generator"),
        (lambda m: m["files"]["generator.onnx"].update(format="tensorrt"), "build is missing"),
    ],
)
def test_manifests_are_refused_in_words(
    edit: Callable[[dict[str, Any]], Any], sentence: str, library: Library, own_bundle: Path
) -> None:
    change(own_bundle, edit)
    with pytest.raises(AmganError) as caught:
        library.open(own_bundle)
    assert caught.value.status == BUNDLE
    assert sentence in str(caught.value)


def test_engines_in_a_manifest_are_checked(library: Library, tmp_path: Path) -> None:
    from support.engine_helpers import write_fake_engine_bundle

    folder = write_fake_engine_bundle(tmp_path / "engines")
    assert status_of(library, folder) == OK
    engine = folder / "generator.engine"
    whole = engine.read_bytes()
    for share in (0.0, 0.5, 0.99):
        engine.write_bytes(whole[: int(share * len(whole))])
        assert status_of(library, folder) == BUNDLE
    engine.write_bytes(whole)
    faults: dict[str, Callable[[dict[str, Any]], Any]] = {
        "flavour is 'x', not one of": lambda b: b.update(flavour="x"),
        "targets is not a list such as": lambda b: b.update(targets=["86"]),
        "batch is not a smallest": lambda b: b["profile"].update(batch=[3, 2, 1]),
        "batch is not some whole numbers": lambda b: b["profile"].update(batch=[0]),
        "image is missing": lambda b: b["profile"]["inputs"].pop("image"),
    }
    text = (folder / "manifest.json").read_text()
    for sentence, edit in faults.items():
        change(folder, lambda m, edit=edit: edit(m["files"]["generator.engine"]["build"]))
        with pytest.raises(AmganError, match=sentence):
            library.open(folder)
        (folder / "manifest.json").write_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "[", "nul", "[1,]", '{"a":1,}', '{"a" 1}', "{1:2}", "01", "1.", "1e", "-", '"',
        '"\\x"', '"\\u12"',
        '"\\ud800"', '"\\ud800\\u0041"', '"\t"', "1 2", "[" * 100_000, '{"schema":' * 1000, "\ufeff{}", "3",
    ],
)  # fmt: skip
def test_what_is_no_json(text: str, library: Library, own_bundle: Path) -> None:
    (own_bundle / "manifest.json").write_text(text, encoding="utf-8")
    assert status_of(library, own_bundle) == BUNDLE


@pytest.mark.parametrize(
    "content", [b"\xff{}", b'"\xc0\x80"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b'"\xe2\x82']
)
def test_what_is_no_utf8(content: bytes, library: Library, own_bundle: Path) -> None:
    (own_bundle / "manifest.json").write_bytes(content)
    with pytest.raises(AmganError, match="it is not UTF-8"):
        library.open(own_bundle)


def test_escapes_in_names_are_read(library: Library, own_bundle: Path) -> None:
    change(own_bundle, lambda m: m.update(model='äß€😀"\\\n\x07'))  # json.dumps escapes all of these
    handle = library.open(own_bundle)
    assert handle.info()["model"].decode() == 'äß€😀"\\\n\x07'
    handle.close()


def test_links_that_lead_out_are_refused(library: Library, own_bundle: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.onnx"
    (own_bundle / "generator.onnx").rename(outside)
    (own_bundle / "generator.onnx").symlink_to(outside)
    with pytest.raises(AmganError, match="lies outside of it"):
        library.open(own_bundle)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_network_cut_short_behind_a_right_hash(share: float, library: Library, tmp_path: Path) -> None:
    whole = (SHIPPED / "generator.onnx").read_bytes()
    folder = write_broken(tmp_path / "cut", whole[: int(share * len(whole))])
    assert status_of(library, folder) in (BUNDLE, ENGINE)


def test_networks_that_break_the_contract(library: Library, tmp_path: Path) -> None:
    swapped = write_broken(tmp_path / "swapped", (SHIPPED / "estimator.onnx").read_bytes())
    with pytest.raises(AmganError, match="has other inputs than image, aging_map, coordinates, pattern"):
        library.open(swapped)
    frame = np.zeros((256, 256, 3), np.uint8)
    # Another halo than the network has: the tile's core comes out at another size.
    folder = tmp_path / "halo"
    shutil.copytree(SHIPPED, folder)
    own_halo = json.loads((folder / "manifest.json").read_text())["halo_px"]
    change(folder, lambda m: m.update(halo_px=64))
    handle = library.open(folder)
    with pytest.raises(AmganError) as caught:
        handle.age(frame, 0, np.full((1, 1), 30, np.float32))
    assert caught.value.status in (BUNDLE, ENGINE)
    handle.close()
    # Another grid than the estimator's.
    change(folder, lambda m: m.update(halo_px=own_halo) or m["estimator"].update(grid=8))
    handle = library.open(folder)
    with pytest.raises(AmganError, match="another number of ages") as caught:
        handle.estimate(frame)
    assert caught.value.status == BUNDLE
    handle.close()


def test_more_layers_than_avx2_takes_go_to_openvino(library: Library, own_bundle: Path) -> None:
    config = replace(
        TINY_GENERATOR, widths=(8, 8, 16), blocks=17, spade_hidden=8, atlas_channels=8, patterns=PATTERNS
    )
    onnx.save(emit_generator(simplify(random_generator(config))), own_bundle / "generator.onnx")
    manifest = Manifest.from_dict({**tiny_manifest(own_bundle), "halo_px": config.halo_px})
    write_manifest(own_bundle, manifest)
    handle = library.open(own_bundle, "cpu")
    assert handle.info()["backend"] == b"OpenVINO"
    aged = handle.age(np.zeros((128, 128, 3), np.uint8), 0, np.full((1, 1), 30, np.float32))
    assert aged.any()
    handle.close()
