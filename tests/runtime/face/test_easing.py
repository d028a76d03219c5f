"""The smooth way from 0 to 1."""

from __future__ import annotations

import numpy as np

from amgan.runtime.face.easing import eased, eased_between


def test_numbers_and_arrays_go_smoothly_from_0_to_1() -> None:
    at = np.linspace(0.0, 1.0, 101)
    curve = eased(at)
    assert curve[0] == 0.0 and curve[50] == 0.5 and curve[-1] == 1.0
    assert (np.diff(curve) > 0).all() and curve[1] < 0.001 and curve[-2] > 0.999
    assert eased(0.25) == 0.15625
    assert eased(at.astype(np.float32)).dtype == np.float32


def test_between_two_values_of_any_size() -> None:
    at = np.array([10.0, 20.0, 25.0, 30.0, 99.0], np.float32)
    np.testing.assert_array_equal(eased_between(at, 20.0, 30.0), np.float32([0.0, 0.0, 0.5, 1.0, 1.0]))
    assert eased_between(22.5, 20.0, 30.0) == eased(0.25)
    assert [eased_between(value, 20.0, 30.0) for value in (-5.0, 20.0, 30.0, 31.0)] == [0.0, 0.0, 1.0, 1.0]
    assert eased_between(np.float32(25.0), 20.0, 30.0) == 0.5
    assert eased_between(5.0, 6.0, 4.0) == 0.5  # the other way round
