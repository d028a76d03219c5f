"""An evaluation from beginning to end: every face is measured, then all is summed up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from amgan.runtime.bundle.bundle import Bundle
from amgan.runtime.pipeline.face_filter import NoFaceError
from amgan.runtime.pipeline.pipeline import Pipeline

from .judges import Judges
from .one_face import Extent, measure_face
from .requests import Depth
from .result import FaceResult
from .seams import measure_seams
from .source import Source, Sources

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Findings:
    """What was measured: every face, the names of those that no face was found in, and the seams."""

    faces: tuple[FaceResult, ...]
    not_found: tuple[str, ...]
    seams: tuple[int, ...]


def run_evaluation(
    bundle: Bundle,
    judges: Judges,
    sources: Sources,
    depth: Depth | None = None,
    progress: Progress = lambda done, total, what: None,
) -> Findings:
    """Measure every face. Raises NoFaceError where none is found in any picture, EngineError, PhotoError."""
    depth = depth or Depth()
    faces: list[FaceResult] = []
    missing: list[str] = []
    first: list[Source] = []
    with Pipeline(bundle.path) as pipeline:
        for number, source in enumerate(sources):
            more = depth.every > 0 and number % depth.every == 0
            found = measure_face(pipeline, judges, source, Extent(zones=more, sweep=more))
            if found is None:
                missing.append(source.name)
            else:
                faces.append(found)
                if more and len(first) < depth.seams:
                    first.append(source)
            progress(number + 1, len(sources), source.name)
        if not faces:
            raise NoFaceError(f"no face was found in {_listed(missing)}: give larger, more frontal faces")
        seams = measure_seams(bundle, pipeline, first)
    return Findings(tuple(faces), tuple(missing), tuple(seams))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
