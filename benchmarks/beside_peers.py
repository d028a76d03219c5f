"""Cost of one photo of 1024 px, JPEG to JPEG, compared with the alternatives, in one run on one machine.

    python benchmarks/beside_peers.py

All contenders decode the same portrait, find the face, and paste and encode the result with AMGAN's code;
only the network differs, so a row shows the cost of another network or runtime:

- AMGAN, with the tiles that the face needs
- the same network on the whole frame, in PyTorch eager, torch.compile and ONNX Runtime
- HRFAE's generator after its paper (Yao et al., High Resolution Face Age Editing, 2020), written here, with
  random weights, in PyTorch eager: a stem of 32 channels, two stride-2 convolutions to 64 and 128, four
  residual blocks, the age as one-hot vector of 101 that a linear layer maps to 128 scales of the features,
  and two upsamplings with skips. It ages frames of 1024 x 1024 px, whatever the size of the face, so it is
  timed at that size and at that of the face's frame.

The contenders take turns, with the reference twice in every turn. A ratio is printed with its spread, and
left out where it, or the reference compared with itself, varies by more than 10 %. CPU time is that of the
whole process.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import common
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from stage_costs import QUALITY, make_portrait
from torch import Tensor, nn

from amgan.benchmarking.engines import in_onnx_runtime, in_pytorch
from amgan.benchmarking.photos import StagedPhoto
from amgan.benchmarking.timing import MOST_SPREAD, measure_in_turn, noise, spread, times_faster
from amgan.checkpoint import load_model
from amgan.export.graphs.deploy import DeployGenerator
from amgan.runtime.bundle.bundle import Bundle

RESULT = common.RESULTS / "beside_peers_cpu.json"
SIDE_PX = 1024
HRFAE_PX = 1024
AGES = 101
OURS, EAGER, AGAIN = "AMGAN", "the same network, PyTorch eager", "PyTorch eager, again"
COMPILED, RUNTIME = "the same network, torch.compile", "the same network, ONNX Runtime"
Contender = Callable[[], None]


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """A convolution with reflected edges, instance norm and ReLU."""
    return nn.Sequential(
        nn.ReflectionPad2d(kernel // 2),
        nn.Conv2d(inputs, outputs, kernel, stride),
        nn.InstanceNorm2d(outputs, affine=True),
        nn.ReLU(inplace=True),
    )


class Residual(nn.Module):
    """Two 3x3 convolutions with an identity skip."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = convolution(channels, channels, 3)
        self.second = convolution(channels, channels, 3)[:3]

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.first(x))


class Hrfae(nn.Module):
    """HRFAE's encoder, age modulation and decoder: pictures [N, 3, H, W] and ages [N, 101] to pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.to_whole, self.to_half, self.to_quarter = (
            convolution(3, 32, 9), convolution(32, 64, 3, 2), convolution(64, 128, 3, 2),
        )  # fmt: skip
        self.blocks = nn.Sequential(*(Residual(128) for _ in range(4)))
        self.scales = nn.Linear(AGES, 128)
        self.up_half, self.up_whole = convolution(128 + 64, 64, 3), convolution(64 + 32, 32, 3)
        self.last = nn.Sequential(nn.ReflectionPad2d(4), nn.Conv2d(32, 3, 9))

    def forward(self, picture: Tensor, ages: Tensor) -> Tensor:
        whole = self.to_whole(picture)
        half = self.to_half(whole)
        x = self.blocks(self.to_quarter(half)) * torch.sigmoid(self.scales(ages))[:, :, None, None]
        x = self.up_half(torch.cat([nn.functional.interpolate(x, scale_factor=2.0), half], dim=1))
        x = self.up_whole(torch.cat([nn.functional.interpolate(x, scale_factor=2.0), whole], dim=1))
        return torch.tanh(self.last(x))


def in_hrfae(network: Hrfae, image: NDArray[np.uint8], side_px: int) -> None:
    """Age a frame, uint8 [h, w, 3], at ``side_px``; only the time matters, as the weights are random."""
    sized = cv2.resize(image, (side_px, side_px), interpolation=cv2.INTER_AREA)
    picture = torch.from_numpy(sized).permute(2, 0, 1)[None].float() / 127.5 - 1.0
    with torch.inference_mode():
        network(picture, torch.nn.functional.one_hot(torch.tensor([70]), AGES).float())


def with_network(photo: StagedPhoto, network: Callable[[], object]) -> Contender:
    """Process the whole photo with another network in place of the engine, and paste the unchanged frame."""

    def run() -> None:
        for name, stage in photo.stages().items():
            network() if name == "engine" else stage()

    return run


def find_contenders(photo: StagedPhoto, threads: int) -> tuple[dict[str, Contender], dict[str, str], int]:
    """The contenders by name, those that cannot run here with the reason, and the side of the frame in px."""
    photo.run()
    arrays, _, aged = photo.frame()
    generator = load_model(None)[0]
    network = DeployGenerator(generator).eval()
    hrfae = Hrfae().eval()
    side = len(aged)
    contenders: dict[str, Contender] = {OURS: lambda: void(photo.run())}
    absent: dict[str, str] = {}
    makers: dict[str, Callable[[], Callable[[], object]]] = {
        EAGER: lambda: partial(in_pytorch, network, arrays),
        COMPILED: lambda: partial(in_pytorch, torch.compile(network, dynamic=False), arrays),
        RUNTIME: lambda: in_onnx_runtime(generator, arrays, threads),
        f"HRFAE, eager, its {HRFAE_PX} px": lambda: partial(in_hrfae, hrfae, arrays[0][0], HRFAE_PX),
        f"HRFAE, eager, {side} px": lambda: partial(in_hrfae, hrfae, arrays[0][0], side),
    }
    for name, make in makers.items():
        try:
            age = make()
            age()
        except Exception as error:
            absent[name] = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
            continue
        contenders[name] = with_network(photo, age)
    return contenders, absent, side


def void(_: object) -> None:
    """Do nothing, whatever the arguments."""


def rows(seconds: dict[str, list[float]], cpu: dict[str, list[float]]) -> tuple[dict[str, Any], float]:
    """A row per contender, and the difference of the reference from itself."""
    reference, again = seconds[EAGER], seconds[AGAIN]
    wrong = noise(reference, again)
    found = {}
    for name, own in seconds.items():
        if name == AGAIN:
            continue
        varies = max(wrong, spread(own, reference))
        found[name] = {
            "median_ms": 1000 * statistics.median(own),
            "median_cpu_ms": 1000 * statistics.median(cpu[name]),
            "times_faster_than_eager": times_faster(own, reference) if varies <= MOST_SPREAD else None,
            "cpu_times_less_than_eager": times_faster(cpu[name], cpu[EAGER]),
            "cpu_spread": spread(cpu[name], cpu[EAGER]),
            "spread": varies,
            "seconds": own,
            "cpu_seconds": cpu[name],
        }
    return found, wrong


def main() -> None:
    """Measure all contenders in turn, print a table and write the result."""
    parser = common.result_option(__doc__, RESULT)
    parser.add_argument("--runs", type=common.count, default=7, help="turns (default: 7)")
    arguments = parser.parse_args()
    threads = common.limit_threads(None)
    torch.set_num_threads(threads)
    result = common.heading(
        f"one photo of {SIDE_PX} px, JPEG to JPEG", common.hardware(threads), "torch", "onnxruntime"
    )
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "in.jpg"
        Image.fromarray(make_portrait(SIDE_PX)).save(source, quality=QUALITY)
        with StagedPhoto(Bundle.open(None), source, Path(folder) / "out.jpg") as photo:
            contenders, absent, side = find_contenders(photo, threads)
            cpu: dict[str, list[float]] = {}
            seconds = measure_in_turn({**contenders, AGAIN: contenders[EAGER]}, arguments.runs, cpu=cpu)
    found, wrong = rows(seconds, cpu)
    for name, row in found.items():
        ratio = row["times_faster_than_eager"]
        said = f"{ratio:.2f} times eager ± {row['spread']:.0%}" if ratio else "no ratio claimed"
        print(f"{name:36} {row['median_ms']:8.0f} ms {row['median_cpu_ms']:8.0f} ms CPU   {said}")
    for name, reason in absent.items():
        print(f"absent: {name}: {reason}")
    print(f"PyTorch eager differs from itself by {wrong:.0%}; frame of the face: {side} px")
    result |= {"model": common.describe_bundle(), "frame_px": side, "noise": wrong, "absent": absent}
    common.write_result(result | {"ways": found}, arguments.output)


if __name__ == "__main__":
    main()
