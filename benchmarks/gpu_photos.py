"""Compares the GPU's share of reading and pasting photos with the CPU's, and times both."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from PIL import Image

from amgan.runtime.engines.cuda.copies import GpuCopies
from amgan.runtime.engines.cuda.pixels import PixelKernels
from amgan.runtime.engines.cuda.resident import ResidentPhotos
from amgan.runtime.face.alignment import Frame
from amgan.runtime.face.gpu_pixels import apart, paste_by, sample_by
from amgan.runtime.face.pixels import Change, Cut
from amgan.runtime.face.tone import Tone
from amgan.runtime.face.warp import sample_affine
from amgan.runtime.photo.gpu_codec import load_nvimgcodec
from amgan.runtime.photo.gpu_jpeg import GpuJpegs
from amgan.runtime.photo.gpu_jpeg_encoder import GpuJpegEncoder

THREADS = 16
FRAME_SIDES = (256, 448, 1024)
"""Sides in px of the frames that are sampled and pasted."""
SAMPLINGS = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}
_TONE = Tone(np.ones((256, 3), np.float32), 0.0)


def check_jpegs(cuda: Any, gpu: int, photo: Any, calls: int) -> dict[str, Any]:
    """Decode and encode a photo, uint8 [H, W, 3], as JPEGs on a GPU and by Pillow.

    Per sampling the largest difference, the share of samples that differ, whether two decodings are the same,
    and milliseconds of one call alone and CPU-milliseconds of both; then calls per second of THREADS threads.
    ``used`` is whether AMGAN would use it, otherwise ``reason`` says why not; ``with_decoding_engine`` are
    the differences of the GPU's decoding engine, if it has one. Raises MissingDependencyError.
    """
    library = load_nvimgcodec()
    decoder = GpuJpegs(gpu)
    files = {name: _encoded(photo, sampling) for name, sampling in SAMPLINGS.items()}
    decoder(files["4:2:0"])
    found: dict[str, Any] = {
        "version": str(library.__version__),
        "used": not decoder.failed,
        "reason": decoder.reason,
    }
    found["samplings"] = {}
    kinds = (library.GPU_ONLY, library.HYBRID_CPU_GPU)
    plain = _decode_by(library, gpu, kinds)
    for name, content in files.items():
        one = _compare(plain, content)
        if "not_run" not in one:
            one["gpu"] = _time(lambda content=content: plain(content), calls)
            one["cpu"] = _time(lambda content=content: _by_pillow(content), calls)
        found["samplings"][name] = one
    engine = _decode_by(library, gpu, (library.HW_GPU_ONLY,))
    found["with_decoding_engine"] = {name: _compare(engine, content) for name, content in files.items()}
    if not decoder.failed:
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(decoder, THREADS * [files["4:2:0"]]))
            start = time.perf_counter()
            list(pool.map(decoder, THREADS * calls * [files["4:2:0"]]))
        found[f"per_second_of_{THREADS}"] = THREADS * calls / (time.perf_counter() - start)
    decoder.close()
    found["encoder"] = _time_encoder(gpu, photo, calls)
    return found | {"resident": check_resident(cuda, gpu, photo)}


def check_resident(cuda: Any, gpu: int, photo: Any) -> dict[str, Any]:
    """A JPEG that stays on the GPU that decoded it: read by the kernels, changed, and encoded from there.

    ``kept`` is whether it stays, ``sample_apart`` the largest difference of a frame that is cut from it from
    one that is cut from its pixels on the host; ``same_file`` whether its changed copy is encoded to the same
    bytes as the changed pixels. Both copies of the photo, uint8 [H, W, 3], must be the same.
    """
    copies = GpuCopies(cuda, gpu)
    residents = ResidentPhotos(copies)
    decoder, encoder = GpuJpegs(gpu, residents=residents), GpuJpegEncoder(gpu, residents=residents)
    decoded = decoder.decode(_encoded(photo, SAMPLINGS["4:2:0"]))
    if decoded is None:
        return {"not_run": decoder.reason}
    pixels, kernels = decoded.samples, PixelKernels(cuda, gpu)
    decoder.keep(pixels, decoded.picture)
    picture = residents.find(pixels)
    found: dict[str, Any] = {"kept": picture is not None}
    if picture is not None:
        half = 0.4 * min(pixels.shape[:2])
        frame = Frame((pixels.shape[1] / 2, pixels.shape[0] / 2), (half, 0.2 * half))
        side = int(2 * half)
        cut = Cut(pixels, frame.to_photo(side), (side, side))
        there, here = sample_by(kernels, cut, picture), sample_by(kernels, cut)
        found["sample_apart"] = None if there is None else _apart(there, here)
        changed = pixels.copy()
        changed[side // 2 : side, side // 2 : side] ^= 15
        files = [encoder(changed, 92, SAMPLINGS["4:2:0"], before) for before in (pixels, None)]
        found["same_file"] = files[0] is not None and files[0] == files[1]
    for one in (kernels, residents, decoder, encoder):
        one.close()
    return found


def _time_encoder(gpu: int, photo: Any, calls: int) -> dict[str, Any]:
    """Whether AMGAN would encode on a GPU, and the time of that and of Pillow."""
    encoder = GpuJpegEncoder(gpu)
    content = encoder(photo, 92, SAMPLINGS["4:2:0"])
    found: dict[str, Any] = {"used": content is not None, "reason": encoder.reason}
    if content is not None:
        wanted = np.asarray(photo, np.int16)
        found["error"] = {
            "gpu": _apart(_by_pillow(content), wanted),
            "cpu": _apart(_by_pillow(_encoded(photo, SAMPLINGS["4:2:0"])), wanted),
        }
        found["gpu"] = _time(lambda: encoder(photo, 92, SAMPLINGS["4:2:0"]), calls)
        found["cpu"] = _time(lambda: _encoded(photo, SAMPLINGS["4:2:0"]), calls)
    encoder.close()
    return found


def check_pixels(cuda: Any, gpu: int, photo: Any, calls: int) -> dict[str, Any]:
    """Sample frames of a photo, uint8 [H, W, 3], and paste changes by the kernels and on the CPU.

    ``apart`` is the difference that decides whether AMGAN uses the kernels; per side of the frame there are
    the differences of both operations, which should be 0, and the time of both.
    """
    kernels = PixelKernels(cuda, gpu)
    try:
        found: dict[str, Any] = {"apart": apart(kernels)}
        for side in FRAME_SIDES:
            found[f"{side} px"] = _check_frame(kernels, photo, side, calls)
        return found
    finally:
        kernels.close()


def _check_frame(kernels: PixelKernels, photo: Any, side: int, calls: int) -> dict[str, Any]:
    height, width = photo.shape[:2]
    half = 0.48 * min(side, height, width)
    frame = Frame((width / 2, height / 2), (0.97 * half, 0.2 * half))
    to_photo, across = frame.to_photo(side), np.linspace(-1, 1, side, dtype=np.float32)
    mask = (1.2 - 1.5 * np.hypot(across, across[:, None])).clip(0, 1).astype(np.float32)
    before = sample_affine(photo, to_photo, (side, side))
    after = (before // 2 + 40).astype(np.uint8)
    sampled = sample_by(kernels, Cut(photo, to_photo, (side, side)))
    pasted = {where: photo.copy() for where in ("cpu", "gpu")}
    change = Change(frame, before, after, mask, 1.0, _TONE)

    def on_cpu() -> None:
        change.paste(pasted["cpu"])

    def on_gpu() -> bool:
        return paste_by(kernels, pasted["gpu"], change)

    on_cpu()
    found = {"pasted_by_kernels": on_gpu(), "sample_apart": _apart(sampled, before)}
    found["paste_apart"] = _apart(pasted["gpu"], pasted["cpu"])
    return found | {
        "sample": {
            "gpu": _time(lambda: sample_by(kernels, Cut(photo, to_photo, (side, side))), calls),
            "cpu": _time(lambda: sample_affine(photo, to_photo, (side, side)), calls),
        },
        "paste": {"gpu": _time(on_gpu, calls), "cpu": _time(on_cpu, calls)},
    }


def _encoded(photo: Any, sampling: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(photo).save(stream, "JPEG", quality=92, subsampling=sampling)
    return stream.getvalue()


def _by_pillow(content: bytes) -> Any:
    with Image.open(io.BytesIO(content), formats=("JPEG",)) as picture:
        return np.asarray(picture)


def _decode_by(library: Any, gpu: int, kinds: tuple[Any, ...]) -> Callable[[bytes], Any]:
    """A decoder of some kinds of back ends; it gives None where they cannot be opened or do not decode."""
    options = {"max_num_cpu_threads": 1, "options": ":fancy_upsampling=1"}
    try:
        backends = [library.Backend(kind) for kind in kinds]
        decoder = library.Decoder(device_id=gpu, backends=backends, **options)
    except RuntimeError:
        return lambda content: None
    params = library.DecodeParams(apply_exif_orientation=False, color_spec=library.SRGB)

    def decode(content: bytes) -> Any:
        picture = decoder.decode(content, params=params)
        return None if picture is None else np.array(picture.cpu())

    return decode


def _compare(decode: Callable[[bytes], Any], content: bytes) -> dict[str, Any]:
    found, again, wanted = decode(content), decode(content), _by_pillow(content)
    if found is None or found.shape != wanted.shape:
        return {"not_run": "it does not decode this file"}
    return {
        "apart": _apart(found, wanted),
        "share_apart": float((found != wanted).mean()),
        "same_again": bool(np.array_equal(found, again)),
    }


def _apart(one: Any, other: Any) -> int:
    return int(np.abs(np.asarray(one, np.int16) - other).max())


def _time(call: Callable[[], Any], calls: int) -> dict[str, float]:
    """Median milliseconds of a call after a warm-up, and the CPU time of this process in it."""
    call()
    took, before = [], time.process_time()
    for _ in range(calls):
        start = time.perf_counter()
        call()
        took.append(time.perf_counter() - start)
    cpu = (time.process_time() - before) / calls
    return {"ms": 1000 * float(np.median(took)), "cpu_ms": 1000 * cpu}
