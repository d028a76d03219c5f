"""Options that several commands share, and their validation."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from amgan.commands.output import QUIET
from amgan.runtime.errors import UsageError

if TYPE_CHECKING:
    from amgan.runtime.ages.request import Request
    from amgan.runtime.photo.metadata import MetadataPolicy
    from amgan.runtime.pipeline.opening import OpenedNetworks
    from amgan.runtime.pipeline.pipeline import Pipeline

PathType = click.Path(path_type=Path)


def be_quiet(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """Suppress the output of `output.tell` and progress."""
    ctx.meta[QUIET] = value


def _device(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """Accept auto, cpu, and one or several GPUs; raise UsageError for anything else."""
    from amgan.runtime.engines.gpus import check_device

    check_device(value)
    return value


def check_faces(ctx: click.Context, param: click.Parameter, value: str) -> str | int:
    """Accept a selection of faces, or the numbers of --face; raise UsageError for anything else."""
    from amgan.runtime.face.choice import parse_faces

    numbers = ctx.meta.get(_FACE_NUMBERS)
    if numbers is None:
        return parse_faces(value)
    if value != param.get_default(ctx):
        raise UsageError("--face and --faces both say which faces are meant: leave one of them out")
    return parse_faces(numbers)


def check_face(ctx: click.Context, param: click.Parameter, value: tuple[int, ...]) -> None:
    """Store the numbers of faces for `check_faces`, which runs later."""
    if value:
        ctx.meta[_FACE_NUMBERS] = ",".join(f"#{number}" for number in value)


class _FaceNumber(click.IntRange):
    """The number of a face; an error names the option for the other ways to choose one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(
                f"'{value}' is not the number of a face: give one that `amgan estimate` lists, or choose by "
                "side, point or box with --faces",
                param,
                ctx,
            )


_FACE_NUMBERS = "amgan.face_numbers"
_faces_option = click.option(
    "--faces", default="all", show_default=True, metavar="CHOICE", callback=check_faces,
    help="Faces of a photo to age: all; largest; left or right, the outermost on that side of the picture; a "
    "number N, the N largest; X,Y, the face at this point in pixels; X0,Y0,X1,Y1, the faces in this box.",
)  # fmt: skip
_face_option = click.option(
    "--face", type=_FaceNumber(1, 9999), multiple=True, metavar="N", show_default="none",
    callback=check_face, is_eager=True, expose_value=False,
    help="Number of a face to age, as listed by `amgan estimate`; may be given again.",
)  # fmt: skip


def faces_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add --faces and --face; the function gets either as ``faces``."""
    return _faces_option(_face_option(function))


children_option = click.option(
    "--include-children", is_flag=True, show_default="off",
    help="Also age possible children, and drawings: by default a face is not aged if the youngest half of "
    "its zones reads under 16 years, or if it is flat as drawings are.",
)  # fmt: skip
model_option = click.option(
    "--model", type=PathType, metavar="BUNDLE", show_default="the shipped bundle",
    help="Bundle to use, a folder of `amgan export`.",
)  # fmt: skip
device_option = click.option(
    "--device", default="auto", show_default=True, metavar="auto|cpu|cuda[:N|:N,M|:all]", callback=_device,
    help="Device to run the network on; auto selects the fastest engine of this machine. auto and cuda take "
    "one GPU, that with the most free memory of those that CUDA_VISIBLE_DEVICES shows.",
)  # fmt: skip

true_ages_option = click.option(
    "--true-ages", type=PathType, metavar="CSV", show_default="none",
    help="Portraits of known age, columns file, age and age_estimate, for the calibration of estimated ages.",
)  # fmt: skip

pattern_option = click.option(
    "--pattern", type=click.IntRange(1, 8), metavar="N", show_default="by each face's proportions",
    help="Pattern of lines and folds for all faces; `amgan info` shows how many there are.",
)  # fmt: skip

lines_option = click.option(
    "--lines", type=float, default=1.0, show_default=True, metavar="0..1.5",
    help="How strong new lines are: 1 is what suits each skin, 0 leaves them out and keeps the shades.",
)  # fmt: skip

hair_option = click.option(
    "--hair/--no-hair", default=True, show_default=True,
    help="Also grey the hair of faces that get older, temples first, and give grey hair of younger ones its "
    "colour back, where it is surely seen as a whole.",
)  # fmt: skip

shape_option = click.option(
    "--shape/--no-shape", default=True, show_default=True,
    help="Also change the shape of a face with its age (slight sagging), or only its skin.",
)  # fmt: skip

features_option = click.option(
    "--features/--no-features", default=True, show_default=True,
    help="Also change eyes, lips and teeth with age: whites darken and yellow, lashes and lips fade.",
)  # fmt: skip

neck_option = click.option(
    "--neck/--no-neck", default=True, show_default=True,
    help="Also age the necks of faces that get older, where a neck's bare skin is surely seen.",
)  # fmt: skip

_REQUEST_OPTIONS = (
    click.option(
        "--age", metavar="YEARS", show_default="unchanged",
        help="Wanted age in years, such as 70, or a change of the present age, such as +20 or -10.",
    ),
    click.option(
        "--zone", "zones", multiple=True, metavar="NAME=YEARS", show_default="none",
        help="Wanted age of one zone, such as forehead=+25 or jowls-left=70; may be given again.",
    ),
    click.option(
        "--map", "map_file", type=PathType, metavar="FILE", show_default="none",
        help="Map of wanted ages instead of --age and --zone: a greyscale PNG or a .npy of "
        "`amgan map --save-map`.",
    ),
    click.option(
        "--population", metavar="NAME|FILE", show_default="none, years unchanged",
        help="Atlas of the population to which the ages refer: a shipped one by name, or a file of "
        "`amgan atlas fit`. It is never derived from a face.",
    ),
    faces_option,
)  # fmt: skip

format_option = click.option(
    "--format", metavar="ENDING", show_default="the photo's own",
    help="Write results in this format: jpg, png, tif, webp, bmp, heic or avif.",
)  # fmt: skip

quiet_option = click.option(
    "-q", "--quiet", is_flag=True, show_default="off", expose_value=False, callback=be_quiet,
    help="Print only errors and failed photos.",
)  # fmt: skip


def _use_gpu(context: click.Context, parameter: click.Parameter, number: int | None) -> None:
    """Restrict CUDA to this GPU, before CUDA is initialised."""
    from amgan.runtime.machine import show_one_gpu

    if number is not None:
        show_one_gpu(number)


gpu_option = click.option(
    "--gpu", type=click.IntRange(0, 999), metavar="N", show_default="0", expose_value=False,
    callback=_use_gpu, help="Number of the GPU to use.",
)  # fmt: skip

_POLICY_OPTIONS = (
    click.option(
        "--min-face", "min_face_px", type=click.FloatRange(0), metavar="PX",
        show_default="20, 1/64 of the photo's longer side or 1/8 of its largest face, whichever is larger",
        help="Minimum width of faces to search for, in pixels of the photo.",
    ),
    children_option,
    pattern_option,
    lines_option,
    hair_option,
    shape_option,
    features_option,
    neck_option,
    click.option(
        "--strength", type=float, default=1.0, show_default=True, metavar="0..1",
        help="Share of the change to apply, from 0 (none) to 1 (all).",
    ),
)  # fmt: skip

_FILE_OPTIONS = (
    click.option(
        "--strip-metadata", is_flag=True, show_default="keep all",
        help="Remove EXIF, XMP, captions, comments and texts; the colour profile is kept.",
    ),
    click.option(
        "--strip-gps", is_flag=True, show_default="keep all",
        help="Remove GPS positions and keep the other metadata."
    ),
    click.option(
        "--quality", type=click.IntRange(1, 100), metavar="1..100",
        show_default="a JPEG keeps its tables and unchanged blocks",
        help="Encode JPEG, lossy WebP, HEIC and AVIF with this quality.",
    ),
    model_option,
    device_option,
)  # fmt: skip


@dataclass(frozen=True)
class Aging:
    """The values of the ageing options: ``asked`` are arguments of Request.parse.

    ``metadata`` and ``quality`` are options of written files; ``model`` and ``device`` those of the pipeline.
    """

    asked: Mapping[str, Any]
    metadata: MetadataPolicy = "keep"
    quality: int | None = None
    model: Path | None = None
    device: str = "auto"

    def request(self) -> Request:
        """The request; raises UsageError for invalid values."""
        from amgan.runtime.ages.request import Request

        return Request.parse(**self.asked)

    def begin(self) -> OpenedNetworks | None:
        """Begin to open the networks for `pipeline`; None where they may be on a GPU, which opens them there.

        Raises BundleError and EngineError.
        """
        from amgan.runtime.pipeline.opening import begin_networks

        return begin_networks(self.model, self.device)

    def pipeline(self, opened: OpenedNetworks | None = None) -> Pipeline:
        """Open the pipeline with the requested bundle and device, or with networks of `begin`."""
        from amgan.runtime.pipeline.pipeline import Pipeline

        return Pipeline(self.model, self.device, opened=opened)


def aging_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add all options of requests and files, --model and --device; ``function`` gets them as ``aging``."""

    @functools.wraps(function)
    def with_aging(**values: Any) -> None:
        asked = {name: values.pop(name) for name in names}
        strip, strip_gps = values.pop("strip_metadata"), values.pop("strip_gps")
        metadata: MetadataPolicy = "strip" if strip else "strip-gps" if strip_gps else "keep"
        files = [values.pop(name) for name in ("quality", "model", "device")]
        function(aging=Aging(asked, metadata, *files), **values)

    names = _names((*_REQUEST_OPTIONS, *_POLICY_OPTIONS))
    return _with_options(with_aging, (*_REQUEST_OPTIONS, *_POLICY_OPTIONS, *_FILE_OPTIONS))


def request_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add only the options of requests; ``function`` gets them as ``aging``."""

    @functools.wraps(function)
    def with_aging(**values: Any) -> None:
        function(aging=Aging({name: values.pop(name) for name in names}), **values)

    names = _names(_REQUEST_OPTIONS)
    return _with_options(with_aging, _REQUEST_OPTIONS)


def _with_options(
    command: Callable[..., None], options: tuple[Callable[..., Any], ...]
) -> Callable[..., None]:
    for option in reversed(options):
        command = option(command)
    return command


def _names(options: tuple[Callable[..., Any], ...]) -> list[str]:
    """The parameter names of these options."""
    command = click.command()(_with_options(lambda: None, options))
    return [one.name for one in command.params if one.expose_value and one.name]
