"""Bundles: deployment folders that are checked when opened and written atomically."""

from __future__ import annotations

import json
from dataclasses import dataclass
from os import PathLike
from pathlib import Path, PureWindowsPath

from ..errors import BundleError
from ..files import file_sha256, whole_file
from .manifest import Manifest
from .precision import Precision

MANIFEST = "manifest.json"
SHIPPED = Path(__file__).parents[1] / "bundles" / "amgan-base"


@dataclass(frozen=True)
class Bundle:
    """A bundle whose manifest and files have been checked."""

    path: Path
    manifest: Manifest

    @classmethod
    def open(cls, path: Path | str | None = None) -> Bundle:
        """Open and check a bundle folder; None is the one that ships with the package.

        Raises BundleError when the folder, the manifest or a file is missing, the manifest is damaged or
        newer than this version, a file's SHA-256 differs, or its path leads out of the folder.
        """
        if not isinstance(path, str | PathLike | None):
            raise BundleError(f"{path!r} is no bundle: give its folder, or leave it out for the shipped one")
        folder = SHIPPED if path is None else Path(path)
        manifest = _read_manifest(folder)
        for name, entry in manifest.files.items():
            file = _inside(folder, name)
            if not file.is_file():
                raise BundleError(
                    f"'{folder}' lacks the file '{name}' of its manifest: copy the bundle again, whole"
                )
            try:
                found = file_sha256(file)
            except OSError as error:
                raise BundleError(f"'{file}' cannot be read: {error.strerror}") from error
            if found != entry.sha256.lower():
                raise BundleError(
                    f"'{file}' is damaged or was replaced: its SHA-256 is {found[:12]}..., the manifest says "
                    f"{entry.sha256[:12]}...; copy the bundle again"
                )
        return cls(folder, manifest)

    def file(self, role: str, precision: Precision | None = None, format: str = "onnx") -> Path:
        """Path of the file with a role ("generator", "estimator"), a precision and a format.

        Without a precision, fp32 is preferred. Raises BundleError, with a list of what exists, if none
        matches.
        """
        fitting = {n: e for n, e in self.manifest.files.items() if e.role == role and e.format == format}
        for wanted in (Precision.FP32, None) if precision is None else (precision,):
            for name, entry in fitting.items():
                if wanted in (None, entry.precision):
                    return self.path / name
        kind = " ".join(w for w in (precision, format, role) if w)
        there = ", ".join(self.manifest.files) or "no files"
        raise BundleError(f"'{self.path}' holds no {kind} (it has {there}): export the bundle with it")

    def digest(self, file: Path) -> str:
        """The SHA-256, in lower-case hex, of a file that `file` gave."""
        return next(e.sha256.lower() for name, e in self.manifest.files.items() if self.path / name == file)


def write_manifest(folder: Path, manifest: Manifest) -> Path:
    """Write manifest.json atomically and return its path; a folder is a bundle only once it has one.

    Raises BundleError if the manifest names a file that does not exist, or cannot be written.
    """
    for name in manifest.files:
        if not _inside(folder, name).is_file():
            raise BundleError(
                f"'{folder}' lacks '{name}', which its manifest is to name: write the files first"
            )
    target = folder / MANIFEST
    text = json.dumps(Manifest.from_dict(manifest.to_dict(), str(target)).to_dict(), indent=2) + "\n"
    try:
        with whole_file(target) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BundleError(f"'{target}' cannot be written: {error.strerror}") from error
    return target


def _read_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    if not folder.is_dir():
        raise BundleError(f"there is no bundle folder '{folder}': give the folder that holds {MANIFEST}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BundleError(
            f"'{folder}' is no bundle, it holds no {MANIFEST}: give a folder that amgan export made"
        ) from error
    except OSError as error:
        raise BundleError(f"'{path}' cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise BundleError(f"'{path}' is damaged, it is not JSON: copy the bundle again") from error
    return Manifest.from_dict(content, str(path))


def _inside(folder: Path, name: str) -> Path:
    """The path of a file of the bundle; raises BundleError if it leads out of the folder."""
    file = folder / name
    # Windows paths are checked on every system, so that a bundle is valid either everywhere or nowhere.
    odd = PureWindowsPath(name)
    outside = not name or "\0" in name or odd.is_absolute() or odd.drive or odd.root or ".." in odd.parts
    if outside or not file.resolve().is_relative_to(folder.resolve()):
        raise BundleError(
            f"'{folder}' names the file '{name}' that lies outside of it: do not use this bundle"
        )
    return file
