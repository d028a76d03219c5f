"""The masks of training pairs are those of photos."""

import numpy as np

from amgan.data.prepare import pair_face
from amgan.faces.aligning import AlignedFace
from amgan.runtime.face.alignment import apply_affine, whole_frame
from amgan.runtime.face.finder import FaceFinder
from amgan.runtime.face.head_parser import HeadParser, skin_at
from amgan.runtime.face.rims import RIM_PX
from amgan.runtime.face.visible_skin import visible_skin
from amgan.runtime.face.warp import sample_affine


def test_a_pair_leaves_out_rims_of_glasses_as_a_photo_does(hopper: np.ndarray) -> None:
    face = FaceFinder(threads=1).find(hopper)[0]
    side = 384
    picture = sample_affine(hopper, face.frame.to_photo(side), (side, side))
    unit = apply_affine(face.frame.to_frame(1), face.landmarks)
    parser = HeadParser(streams=1)
    pair = pair_face(AlignedFace("hopper", picture, unit, 50.0, face.turn), parser)
    seen = visible_skin(picture, whole_frame(side), parser.read_aligned(picture, unit), unit)
    assert seen.shape == (RIM_PX, RIM_PX)  # with glasses
    assert pair.own is not None
    assert np.array_equal(pair.own, skin_at(seen, side))
