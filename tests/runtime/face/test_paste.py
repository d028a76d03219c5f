import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amgan.runtime.face import extensions
from amgan.runtime.face import paste as paste_module
from amgan.runtime.face.alignment import Frame, apply_affine
from amgan.runtime.face.paste import paste_change, photo_changes
from amgan.runtime.face.tone import read_tone

RNG = np.random.default_rng(3)
SIZE = 64


def disc(size: int = SIZE, radius: float = 0.35) -> np.ndarray:
    y, x = (np.mgrid[:size, :size] + 0.5) / size - 0.5
    return np.clip((radius - np.hypot(x, y)) * 10, 0, 1).astype(np.float32)


def flat(value: int, size: int = SIZE) -> np.ndarray:
    return np.full((size, size, 3), value, np.uint8)


def photo(height: int = 120, width: int = 160) -> np.ndarray:
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


def pasted(
    base: np.ndarray, frame: Frame, before: np.ndarray, after: np.ndarray, mask: np.ndarray, **options: object
):
    out = base.copy()
    paste_change(out, frame, before, after, mask, **options)
    return out


def positions(base: np.ndarray, frame: Frame, size: int = SIZE) -> np.ndarray:
    """Frame coordinates of every pixel of the photo."""
    y, x = np.mgrid[: base.shape[0], : base.shape[1]] + 0.5
    return apply_affine(frame.to_frame(size), np.stack([x, y], axis=-1))


def test_a_frame_that_is_the_photo_is_exact() -> None:
    base, after = photo(SIZE, SIZE), photo(SIZE, SIZE)
    frame = Frame((SIZE / 2, SIZE / 2), (SIZE / 2, 0.0))
    assert np.array_equal(pasted(base, frame, base, after, np.ones((SIZE, SIZE), np.float32)), after)


@settings(deadline=None, max_examples=40)
@given(
    st.tuples(st.floats(-40, 200), st.floats(-40, 160)), st.floats(4, 150), st.floats(0, 6.28), st.booleans()
)
def test_nothing_outside_the_mask_is_touched(
    centre: tuple[float, float], half: float, angle: float, toned: bool
) -> None:
    base = photo()
    frame = Frame(centre, (half * np.cos(angle), half * np.sin(angle)))
    before, after = photo(SIZE, SIZE), photo(SIZE, SIZE)
    out = pasted(base, frame, before, after, disc(), tone=read_tone(before, disc()) if toned else None)
    where = positions(base, frame)
    distance = np.hypot(*np.moveaxis(where - SIZE / 2, -1, 0))
    outside = distance > 0.35 * SIZE + 1.5
    assert np.array_equal(out[outside], base[outside])


def test_change_lands_where_the_face_is() -> None:
    base = np.full((200, 300, 3), 100, np.uint8)
    frame = Frame((180.0, 90.0), (50.0, 20.0))
    out = pasted(base, frame, flat(100), flat(140), disc())
    distance = np.hypot(*np.moveaxis(positions(base, frame) - SIZE / 2, -1, 0)) / SIZE
    assert (out[distance < 0.22] == 140).all()
    assert (out[distance > 0.38] == 100).all()
    edge = out[(distance > 0.27) & (distance < 0.33)]
    assert 100 < edge.mean() < 140


def test_rounding_is_to_the_nearest_and_clipped() -> None:
    frame = Frame((SIZE / 2, SIZE / 2), (SIZE / 2, 0.0))
    mask = np.full((SIZE, SIZE), 0.26, np.float32)
    assert (pasted(flat(10), frame, flat(50), flat(60), mask) == 13).all()
    assert (pasted(flat(10), frame, flat(50), flat(40), mask) == 7).all()
    ones = np.ones((SIZE, SIZE), np.float32)
    assert (pasted(flat(250), frame, flat(0), flat(200), ones) == 255).all()
    assert (pasted(flat(5), frame, flat(200), flat(0), ones) == 0).all()


def test_strength_scales_the_change() -> None:
    frame = Frame((SIZE / 2, SIZE / 2), (SIZE / 2, 0.0))
    ones = np.ones((SIZE, SIZE), np.float32)
    for strength, expected in ((0.0, 100), (0.5, 110), (1.0, 120), (2.0, 140)):
        assert (pasted(flat(100), frame, flat(50), flat(70), ones, strength=strength) == expected).all()


def test_bands_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    base, frame = photo(), Frame((70.0, 55.0), (40.0, 11.0))
    before, after = photo(SIZE, SIZE), photo(SIZE, SIZE)
    whole = pasted(base, frame, before, after, disc())
    monkeypatch.setattr(paste_module, "BAND_ROWS", 7)
    assert np.array_equal(pasted(base, frame, before, after, disc()), whole)


@pytest.mark.parametrize("half", [4.0, 7.3, 11.0])
def test_a_small_face_gets_the_mean_change_not_an_alias(half: float) -> None:
    stripes = flat(100)
    stripes[:, ::2] = 140
    base = np.full((60, 60, 3), 100, np.uint8)
    out = pasted(
        base, Frame((30.0, 30.0), (half, 0.0)), flat(100), stripes, np.ones((SIZE, SIZE), np.float32)
    )
    middle = slice(30 - int(half / 2), 30 + int(half / 2))
    assert np.abs(out[middle, middle].astype(int) - 120).max() <= 6


@pytest.mark.parametrize("centre", [(-300.0, 20.0), (500.0, 500.0)])
def test_face_off_the_photo(centre: tuple[float, float]) -> None:
    base = photo()
    assert np.array_equal(pasted(base, Frame(centre, (40.0, 0.0)), flat(0), flat(255), disc()), base)


def test_empty_mask() -> None:
    base, frame = photo(), Frame((50.0, 50.0), (40.0, 0.0))
    assert np.array_equal(pasted(base, frame, flat(0), flat(255), np.zeros((SIZE, SIZE), np.float32)), base)


needs_the_extension = pytest.mark.skipif(
    extensions.paste() is None, reason="the extension in C was not built, or this CPU has no FMA"
)


@needs_the_extension
@pytest.mark.parametrize("strength", [0.37, 1.0, 1.6])
@pytest.mark.parametrize(
    "frame",
    [
        Frame((70.0, 55.0), (27.0, 9.0)),
        Frame((5.0, 110.0), (-20.0, 24.0)),  # a part lies outside of the photo
        Frame((80.0, 60.0), (70.0, 11.0)),  # enlarged: OpenCV samples it, the extension weighs it
        Frame((80.0, 60.0), (11.0, 2.0)),  # shrunk
    ],
)
def test_extension_and_opencv_paste_the_same(
    frame: Frame, strength: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, before, after = photo(), photo(SIZE, SIZE), photo(SIZE, SIZE)
    before[:8], before[8:16] = 255, 2  # blown out, and nearly black
    tone = read_tone(before, disc())
    assert not tone.share
    fast = pasted(base, frame, before, after, disc(), strength=strength, tone=tone)
    assert not np.array_equal(fast, base)
    monkeypatch.setattr(extensions, "paste", lambda: None)
    slow = pasted(base, frame, before, after, disc(), strength=strength, tone=tone)
    assert np.abs(fast.astype(int) - slow).max() <= 1  # older OpenCVs add in another order
    assert (fast == slow).mean() > 0.99


@needs_the_extension
def test_nothing_to_change_changes_nothing() -> None:
    base, frame, face = photo(), Frame((70.0, 55.0), (30.0, 9.0)), photo(SIZE, SIZE)
    assert np.array_equal(pasted(base, frame, face, face, disc(), tone=read_tone(face, disc())), base)
    assert list(photo_changes((160, 120), frame, face, face, disc())) == []


@needs_the_extension
def test_extension_refuses_what_does_not_fit() -> None:
    from amgan.runtime.face import _paste

    face, mask = photo(8, 9), np.ones((8, 9), np.float32)
    table, change = np.ones(256, np.float32), np.zeros((8, 9, 4), np.float32)
    for wrong in (
        (face, face[:, :8], mask, table, table, 1.0, change),
        (face, face, mask[:7], table, table, 1.0, change),
        (face, face, mask, table[:255], table, 1.0, change),
        (face, face, mask.astype(np.float64), table, table, 1.0, change),
        (face, face, mask, table, table, 1.0, change[..., :3]),
    ):
        with pytest.raises(ValueError, match="array"):
            _paste.change(*wrong)
    along, starts = np.zeros((2, 9)), np.zeros((2, 8))
    for wrong in ((change, along[:, :8], starts, face), (change, along, starts[:, :7], face)):
        with pytest.raises(ValueError, match="differ"):
            _paste.add(*wrong)
    with pytest.raises(ValueError, match="array"):
        _paste.add(change[..., :3].copy(), along, starts, face)
    moves, wanted = np.zeros((9, 9, 2), np.float32), np.zeros((8, 9), bool)
    for wrong in (
        (moves[:8], along, starts, 0, 0, 0.1, mask, mask, wanted),
        (moves[:4, :4].copy(), along, starts, 0, 0, 0.1, mask, mask, wanted),
        (moves, along, starts, 0, 0, 0.1, mask, mask[:7], wanted),
        (moves, along, starts[:, :7], 0, 0, 0.1, mask, mask, wanted),
    ):
        with pytest.raises(ValueError, match="differ"):
            _paste.places(*wrong)
