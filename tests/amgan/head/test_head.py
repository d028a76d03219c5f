from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from amgan.head import occluders
from amgan.head.cutouts import CutHand, cut_hand
from amgan.head.hands import hand
from amgan.head.headwear import headwear
from amgan.head.held import held
from amgan.head.labels import hanging_together, label_head
from amgan.head.network import INPUT_PX, HeadNetwork, HeadShares
from amgan.head.samples import FACE, HAIR, REST, UNKNOWN, Example, HeadPictures, make_example, surface
from amgan.head.train import export_head, train_head
from amgan.runtime.engines.openvino_network import compile_network
from amgan.runtime.face.finder import FaceFinder
from amgan.runtime.face.head_parser import HAIR_WIDTH, PARSER_PX, HeadParser, hair_window, own_skin
from amgan.runtime.face.region_masks import edit_mask
from amgan.runtime.face.warp import sample_affine

SIZE = 192


@pytest.fixture(scope="module")
def window(collins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The surroundings of a face, uint8 [192, 192, 3], and its landmarks in their units."""
    face = FaceFinder(threads=1).find(collins)[0]
    around = hair_window(face.frame)
    matrix = around.to_frame(1)
    picture = sample_affine(collins, around.to_photo(SIZE), (SIZE, SIZE))
    return picture, face.landmarks @ matrix[:, :2].T + matrix[:, 2]


@pytest.fixture(scope="module")
def labels(window: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    picture, points = window
    person = np.zeros((SIZE, SIZE), np.float32)
    middle = points[[10, 152]].mean(axis=0) * SIZE
    cv2.ellipse(person, (round(middle[0]), round(middle[1] - 4)), (48, 70), 0, 0, 360, 1.0, -1)
    cv2.rectangle(person, (30, round(points[152, 1] * SIZE)), (160, SIZE), 1.0, -1)
    found = label_head(picture, person, np.ones((SIZE, SIZE), bool), points, HAIR_WIDTH)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def pictures(window: tuple[np.ndarray, np.ndarray], labels: np.ndarray) -> HeadPictures:
    return HeadPictures(window[0][None], labels[None], window[1][None], HAIR_WIDTH)


def test_labels_find_face_hair_and_background(
    window: tuple[np.ndarray, np.ndarray], labels: np.ndarray
) -> None:
    nose, top = (window[1][[1, 10]] * SIZE).astype(int)
    assert labels[nose[1], nose[0]] == FACE
    assert (labels[: top[1]] == HAIR).sum() > 100
    assert labels[4, 4] in (REST, UNKNOWN)
    assert (labels[round(window[1][9, 1] * SIZE) + 8 : nose[1]] == HAIR)[
        :, nose[0] - 8 : nose[0] + 8
    ].sum() == 0


def test_hair_that_does_not_come_from_above_the_brows_is_unknown() -> None:
    labels = np.full((100, 100), REST, np.uint8)
    labels[10:70, 20:30] = HAIR  # from the crown down to the shoulder
    labels[60:90, 40:60] = HAIR  # a collar
    labels[62, 30:40] = HAIR  # joined to it by one row
    kept = hanging_together(labels, 40.0)
    assert (kept[10:70, 20:30] == HAIR).all()
    assert (kept[64:90, 44:60] == UNKNOWN).all()
    assert np.array_equal(kept[labels == REST], labels[labels == REST])
    assert (hanging_together(labels, 65.0)[60:90, 40:60] == HAIR).all()


def test_a_hand_has_the_colours_that_it_is_given_and_shade(window: tuple[np.ndarray, np.ndarray]) -> None:
    colour, cover = draw("hand", window[1] * SIZE, 4)
    inside = colour[cover == 1]
    assert len(inside) > 500
    assert inside.std() > 5
    assert (
        np.median(np.ptp(inside, axis=1)) < 1
    )  # grey skin was given; nails and sleeves are the smaller part


def test_a_hand_that_was_cut_out_has_its_own_colour_or_that_of_the_face(
    window: tuple[np.ndarray, np.ndarray],
) -> None:
    points, tone = window[1] * SIZE, np.array([200.0, 150.0, 120.0])
    for seed in range(4):
        own, cover = cut_hand(points, SIZE, np.random.default_rng(seed), [a_hand()], None)
        matched, again = cut_hand(points, SIZE, np.random.default_rng(seed), [a_hand()], tone)
        assert np.array_equal(cover, again)
        # Sleeves are the smaller part.
        assert np.median(own[cover == 1][:, 1] / own[cover == 1][:, 0]) > 2
        middle = np.median(matched[cover == 1], axis=0)
        assert np.allclose(middle / middle[0], tone / tone[0], atol=0.2)


def test_the_shipped_parser_closes_most_of_a_hand_in_other_skin(collins: np.ndarray) -> None:
    face = FaceFinder(threads=1).find(collins)[0]
    unit = face.landmarks @ face.frame.to_frame(1)[:, :2].T + face.frame.to_frame(1)[:, 2]
    picture = sample_affine(collins, face.frame.to_photo(256), (256, 256))
    cheek = np.median(picture[130:170, 80:110], axis=(0, 1))
    parser, mask = HeadParser(streams=1), edit_mask(unit, PARSER_PX)
    under, beside = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        thing = hand(unit * 256, 256, rng, lambda size, rng: np.full((size, size, 3), cheek, np.float32))
        laid = np.rint(occluders.lay_over(picture, thing)).astype(np.uint8)
        open_skin = own_skin(parser.read_aligned(laid, unit))
        cover = cv2.resize(thing[1], (PARSER_PX, PARSER_PX), interpolation=cv2.INTER_AREA)
        if (deep := (cover > 0.9) & (mask > 0.5)).sum() > 100:
            under.append(open_skin[deep].mean())
            beside.append(open_skin[(cover < 0.02) & (mask > 0.5)].mean())
    assert len(under) > 5
    assert np.mean(under) < 0.2
    assert np.mean(beside) > 0.6  # a fringe lies on the forehead


def test_headwear_leaves_the_middle_of_the_face_bare(window: tuple[np.ndarray, np.ndarray]) -> None:
    nose = (window[1][1] * SIZE).astype(int)
    for seed in range(8):
        cover = draw("headwear", window[1] * SIZE, seed)[1]
        assert cover[nose[1] - 8 : nose[1] + 8, nose[0] - 8 : nose[0] + 8].max() == 0
        assert cover[: nose[1]].sum() > 300


def test_lines_of_rugged_skin_get_deeper_and_backgrounds_change_but_labels_stay(
    pictures: HeadPictures, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amgan.head.samples._things", lambda *_: [])
    rugged = replace(pictures, rugged=np.ones(1, bool))

    def example(source: HeadPictures, rougher: float, elsewhere: float) -> Example:
        monkeypatch.setattr("amgan.head.samples._ROUGHER", rougher)
        monkeypatch.setattr("amgan.head.samples._ELSEWHERE", elsewhere)
        return make_example(source, 0, np.random.default_rng(5))

    plain = example(pictures, 0, 0)
    for other in (example(rugged, 1, 0), example(pictures, 0, 1)):
        assert not np.array_equal(plain.image, other.image)
        assert other.wanted.shape == plain.wanted.shape
    assert np.array_equal(example(pictures, 1, 0).wanted, plain.wanted)


def test_no_labels_where_no_skin_is_sure(window: tuple[np.ndarray, np.ndarray]) -> None:
    nowhere = np.zeros((SIZE, SIZE), bool)
    assert label_head(window[0], np.ones((SIZE, SIZE), np.float32), nowhere, window[1], HAIR_WIDTH) is None


def a_hand() -> CutHand:
    """A green rectangle as a hand whose fingers point up: 40 px wide, 80 px high in 60 x 100."""
    picture = np.zeros((100, 60, 4), np.uint8)
    picture[10:90, 10:50] = (40, 160, 60, 255)
    joints = np.zeros((21, 2))
    joints[0] = (30, 85)
    for finger in range(5):
        for bone in range(4):
            joints[1 + 4 * finger + bone] = (13 + 8 * finger, 55 - 13 * bone)
    return CutHand(picture, joints)


def draw(name: str, points: np.ndarray, seed: int) -> occluders.Cover:
    rng = np.random.default_rng(seed)

    def plain(size: int, rng: np.random.Generator) -> np.ndarray:
        return np.full((size, size, 3), 120.0, np.float32)

    if name == "cut_hand":
        return cut_hand(points, SIZE, rng, [a_hand()], None)
    if name in ("hand", "fringe", "cloth", "headwear"):
        drawn = {"hand": hand, "fringe": occluders.fringe, "cloth": occluders.cloth, "headwear": headwear}
        return drawn[name](points, SIZE, rng, plain)
    return {"surgical_mask": occluders.surgical_mask, "glasses": occluders.glasses, "held": held}[name](
        points, SIZE, rng
    )


@pytest.mark.parametrize(
    "name", ["surgical_mask", "hand", "cut_hand", "glasses", "fringe", "cloth", "headwear", "held"]
)
def test_things_lie_on_the_face_and_follow_their_seed(
    window: tuple[np.ndarray, np.ndarray], name: str
) -> None:
    points = window[1] * SIZE
    covers = [draw(name, points, seed) for seed in range(6)]
    again = draw(name, points, 0)
    assert np.array_equal(covers[0][0], again[0])
    assert np.array_equal(covers[0][1], again[1])
    low, high = points.min(axis=0).astype(int), points.max(axis=0).astype(int)
    on_face = [cover[low[1] : high[1], low[0] : high[0]].mean() for _, cover in covers]
    assert np.median(on_face) > 0.01
    for colour, cover in covers:
        assert colour.shape == (SIZE, SIZE, 3)
        assert 0 <= cover.min() <= cover.max() <= 1
        laid = occluders.lay_over(window[0], (colour, cover))
        assert np.array_equal(laid[cover == 0], window[0][cover == 0])
        assert np.allclose(laid[cover == 1], colour[cover == 1], atol=1e-3)


def test_examples_follow_their_generator_and_know_what_is_covered(pictures: HeadPictures) -> None:
    one, two = (make_example(pictures, 0, np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(one.image, two.image)
    assert np.array_equal(one.wanted, two.wanted)
    assert one.image.shape == (INPUT_PX, INPUT_PX, 3)
    with_hands = replace(pictures, hands=(a_hand(),))
    assert any(
        not np.array_equal(
            make_example(pictures, 0, np.random.default_rng(seed)).image,
            make_example(with_hands, 0, np.random.default_rng(seed)).image,
        )
        for seed in range(12)
    )
    body = [make_example(pictures, 0, np.random.default_rng(seed)) for seed in range(6)]
    assert all(example.wanted.shape == example.weight.shape == (3, INPUT_PX, INPUT_PX) for example in body)
    for example in body:  # the face itself is no body
        assert (example.wanted[2][(example.weight[2] > 0) & (example.face > 0.9)] < 0.5).all()
    covered = [make_example(pictures, 0, np.random.default_rng(seed)).wanted[0].mean() for seed in range(24)]
    assert max(covered) > 1.3 * min(covered)


def test_a_surface_of_a_kind_that_is_nowhere_is_made_up(pictures: HeadPictures) -> None:
    nothing = HeadPictures(
        pictures.windows, np.full_like(pictures.labels, UNKNOWN), pictures.landmarks, HAIR_WIDTH
    )
    for label in (REST, HAIR):
        made = surface(nothing, label, 64, np.random.default_rng(1))
        assert made.shape == (64, 64, 3)
        assert made.std() > 1


def test_training_goes_on_from_a_start_and_what_is_exported_computes_the_same(
    pictures: HeadPictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amgan.head.train.BATCH", 2)
    monkeypatch.setattr("amgan.head.train.SAVED_EVERY", 3)
    torch.manual_seed(0)
    start = HeadNetwork((4, 4, 4, 4))
    before = start.head.out.weight.detach().clone()
    network = train_head(pictures, 3, seed=1, start=start, save=tmp_path / "head.pt")
    assert not torch.equal(before, network.head.out.weight)
    again = train_head(pictures, 3, seed=1, start=HeadNetwork((4, 4, 4, 4)), save=tmp_path / "head.pt")
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), again.parameters(), strict=True))
    kept = {name: value.clone() for name, value in network.state_dict().items()}
    body = train_head(pictures, 2, seed=1, start=network, body_only=True)
    changed = {name for name, value in body.state_dict().items() if not torch.equal(value, kept[name])}
    assert changed
    assert all(name.startswith("body.") for name in changed)
    export_head(network, tmp_path / "head.onnx")
    image = np.random.default_rng(0).integers(0, 255, (1, INPUT_PX, INPUT_PX, 3), dtype=np.uint8)
    face = np.zeros((1, 1, INPUT_PX, INPUT_PX), np.float32)
    request = compile_network(tmp_path / "head.onnx", inputs=("image", "face")).create_infer_request()
    found = next(iter(request.infer({"image": image, "face": face}).values()))
    with torch.no_grad():
        wanted = HeadShares(network)(torch.from_numpy(image), torch.from_numpy(face)).numpy()
    assert np.abs(found - wanted).max() < 0.02
