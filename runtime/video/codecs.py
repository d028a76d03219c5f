"""Chooses the encoding of a video: codec, quality and pixel format."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import UsageError
from .layout import FULL_RANGE, layout_of, planar_name
from .library import load_av
from .probe import VideoInfo


@dataclass(frozen=True)
class Codec:
    """A codec: FFmpeg's ``encoder``; ``usual`` is its default quality, ``worst`` the lowest.

    Quality is on x264's scale, 0 is best; intermediate codecs have none (``worst`` 0).
    """

    encoder: str
    usual: int
    worst: int
    containers: tuple[str, ...]


CODECS = {
    "h264": Codec("libx264", 16, 51, (".mp4", ".m4v", ".mov", ".mkv")),
    "hevc": Codec("libx265", 18, 51, (".mp4", ".m4v", ".mov", ".mkv")),
    "prores": Codec("prores_ks", 0, 0, (".mov", ".mkv")),
    "ffv1": Codec("ffv1", 0, 0, (".mkv",)),
    "vp9": Codec("libvpx-vp9", 24, 63, (".webm", ".mkv", ".mp4")),
}
CONTAINERS = tuple(dict.fromkeys(suffix for codec in CODECS.values() for suffix in codec.containers))
NEED_EVEN_SIDES = ("h264", "hevc")
X264_PRESET = "veryfast"
"""A third of the time of x264's default preset, for files that are about a tenth larger."""
_SAME = {"h264": "h264", "hevc": "hevc", "prores": "prores", "ffv1": "ffv1", "vp8": "vp9", "vp9": "vp9"}
_SAME |= {"libvpx": "vp9", "libvpx-vp9": "vp9"}


@dataclass(frozen=True)
class Encoding:
    """Encoding of a video: name of the codec, FFmpeg's encoder and its options, pixel format.

    Pictures are changed in the planar layout ``edited``; the encoder gets ``pix_fmt``.
    """

    codec: str
    encoder: str
    options: tuple[tuple[str, str], ...]
    pix_fmt: str
    edited: str


def choose_encoding(
    info: VideoInfo, output: Path, codec: str | None = None, quality: int | None = None
) -> Encoding:
    """Choose the encoding of an output file; ``codec`` None is the input's codec if the file can hold it.

    Raises UsageError for an unknown codec, and for a codec that the kind of file cannot hold.
    """
    suffix = output.suffix.lower()
    if suffix not in CONTAINERS:
        raise UsageError(f"'{output}' is no kind of video that can be written: name it {_listed(CONTAINERS)}")
    if codec is not None and codec not in CODECS:
        raise UsageError(f"there is no codec '{codec}': choose {_listed(tuple(CODECS))}")
    name = codec or _usual(info, suffix)
    chosen = CODECS[name]
    if suffix not in chosen.containers:
        raise UsageError(f"'{output}' cannot hold {name}: name it {_listed(chosen.containers)}")
    if quality is not None and not chosen.worst:
        raise UsageError(f"{name} has no quality to choose: leave `quality` out")
    if quality is not None and not 0 <= quality <= chosen.worst:
        raise UsageError(f"a quality of {quality} is not within 0 (best) to {chosen.worst} for {name}")
    level = chosen.usual if quality is None else quality
    pix_fmt = _samples(info, chosen.encoder, output)
    edited = planar_name(pix_fmt)
    if name in NEED_EVEN_SIDES:
        _check_sides(info, name, pix_fmt)
    return Encoding(name, chosen.encoder, _options(name, level, pix_fmt), pix_fmt, edited)


def _check_sides(info: VideoInfo, name: str, pix_fmt: str) -> None:
    """Raise UsageError if a side is odd and chroma is subsampled along it."""
    right, down = layout_of(pix_fmt, 0, 0, info.height).chroma
    if info.width % (1 << right) or info.height % (1 << down):
        raise UsageError(
            f"'{info.path}' has {info.width}x{info.height} px, and {name} holds {pix_fmt} with even sides "
            "alone: choose the `codec` ffv1, prores or vp9"
        )


def _usual(info: VideoInfo, suffix: str) -> str:
    """The input's codec, or a widely supported one."""
    same = _SAME.get(info.codec)
    if same is not None and suffix in CODECS[same].containers:
        return same
    if suffix == ".webm":
        return "vp9"
    return "hevc" if info.bits > 8 and suffix in CODECS["hevc"].containers else "h264"


def _samples(info: VideoInfo, encoder: str, output: Path) -> str:
    """The encoder's pixel format that is closest to the input's."""
    av = load_av(output)
    from av.codec import codec as codecs

    offered = [one.name for one in av.codec.Codec(encoder, "w").video_formats or ()]
    wanted = planar_name(info.pix_fmt)
    if wanted in offered:
        return wanted
    plain = wanted.replace("yuvj", "yuv")
    if plain in offered:
        return plain
    held = {"gbrp": "bgr0", "gbrap": "bgra", "gray10le": "gray16le", "gray12le": "gray16le"}.get(wanted)
    if held in offered:
        return str(held)
    names = [av.VideoFormat(name) for name in offered if _known(name)]
    best, _ = codecs.find_best_pix_fmt_of_list(names, plain)
    return str(best.name) if best is not None else offered[0]


def _known(name: str) -> bool:
    try:
        return planar_name(name) == name
    except Exception:
        return False


def _options(name: str, level: int, pix_fmt: str) -> tuple[tuple[str, str], ...]:
    options: dict[str, str] = {}
    if name == "h264":
        options = {"crf": str(level), "preset": X264_PRESET}
        if not level and not ("10" in pix_fmt or "9" in pix_fmt):
            options = {"qp": "0", "preset": X264_PRESET}
    elif name == "hevc":
        best = ":lossless=1" if not level else ""
        options = {"crf": str(level), "preset": "medium", "x265-params": f"log-level=error{best}"}
        options["forced-idr"] = "1"
    elif name == "prores":
        options = {"profile": "4444" if "444" in pix_fmt else "hq", "vendor": "apl0"}
    elif name == "ffv1":
        options = {"level": "3", "g": "1", "slicecrc": "1"}
    else:
        options = {"crf": str(level), "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"}
        if not level:
            options["lossless"] = "1"
    return tuple(options.items())


def add_picture_track(container: Any, info: VideoInfo, encoding: Encoding) -> Any:
    """Add the video track to an opened output, with the properties of the input's track."""
    stream = container.add_stream(encoding.encoder, rate=info.rate, options=dict(encoding.options))
    context = stream.codec_context
    stream.width, stream.height = info.width, info.height
    stream.pix_fmt = encoding.pix_fmt
    context.time_base = info.time_base
    stream.time_base = info.time_base
    context.sample_aspect_ratio = info.pixel_aspect
    context.color_primaries = info.colours.primaries
    context.color_trc = info.colours.transfer
    context.colorspace = info.colours.matrix
    full = info.colours.range == FULL_RANGE or info.pix_fmt.startswith("yuvj")
    context.color_range = FULL_RANGE if full else info.colours.range
    if info.display is not None:
        stream.set_display_matrix(info.display)
    if encoding.codec == "hevc" and container.format.name in ("mp4", "mov"):
        context.codec_tag = "hvc1"  # players of Apple take no other
    return stream


def _listed(names: tuple[str, ...]) -> str:
    if len(names) == 1:
        return names[0]
    return f"{', '.join(names[:-1])} or {names[-1]}"
