"""Distortions in words: known ones are named rightly, and pictures move as described."""
import numpy as np
import pytest

from sdpadv_np.errors import ArgumentError
from sdpadv_np.evaluation.distortion import describe_flow, describe_theta
from sdpadv_np.kernels import affine_sample

UNCHANGED = {"rotation": 0.0, "shift_right": 0.0, "shift_down": 0.0, "scale_x": 100.0, "scale_y": 100.0, "shear": 0.0}


def theta_of(matrix, shift, size):
    """The theta that moves a picture by p -> matrix p + shift, in pixels about the centre, x first."""
    half = np.array([size[1] / 2, size[0] / 2])
    back = np.linalg.inv(matrix)
    return np.column_stack([back * half / half[:, None], -(back @ shift) / half])[None]


def turned(degrees):
    """Counter-clockwise, for y points down."""
    a = np.radians(degrees)
    return np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])


def close(got, **expected):
    assert list(got) == list(UNCHANGED)
    for name, value in {**UNCHANGED, **expected}.items():
        assert got[name].shape == (1,) and got[name][0] == pytest.approx(value, abs=1e-9), name


@pytest.mark.parametrize("size", ((28, 28), (10, 40)))
def test_known_distortions(size):
    eye, still = np.eye(2), np.zeros(2)
    close(describe_theta(theta_of(eye, still, size), size))
    close(describe_theta(theta_of(eye, np.array([3.0, -1.5]), size), size), shift_right=3.0, shift_down=-1.5)
    close(
        describe_theta(theta_of(turned(20), np.array([1.0, 2.0]), size), size), rotation=20.0, shift_right=1.0,
        shift_down=2.0
    )
    close(describe_theta(theta_of(np.diag([1.3, 0.8]), still, size), size), scale_x=130.0, scale_y=80.0)
    close(
        describe_theta(theta_of(turned(-150) @ np.diag([1.3, 0.8]), still, size), size), rotation=-150.0, scale_x=130.0,
        scale_y=80.0
    )
    close(
        describe_theta(theta_of(turned(30) @ np.diag([-1.2, 0.9]), still, size), size), rotation=30.0, scale_x=-120.0,
        scale_y=90.0
    )
    pinched = np.array([[1.0, 0.1], [0.1, 1.0]])
    close(
        describe_theta(theta_of(turned(10) @ pinched, still, size), size), rotation=10.0,
        shear=2 * np.degrees(np.arctan(0.1))
    )


def test_the_axes_of_a_sheared_picture_meet_at_the_angle_described(rng):
    for _ in range(20):
        matrix = np.eye(2) + rng.uniform(-0.3, 0.3, (2, 2))
        x, y = matrix.T
        angle = np.degrees(np.arccos(x @ y / np.linalg.norm(x) / np.linalg.norm(y)))
        got = describe_theta(theta_of(matrix, np.zeros(2), (28, 28)), (28, 28))
        assert got["shear"][0] == pytest.approx(90 - angle)
        assert got["scale_x"][0] * got["scale_y"][0] / 1e4 >= np.linalg.det(matrix) - 1e-12  # equal without shear


def test_a_picture_moves_as_described(rng):
    i, j = np.indices((41, 41)) - 20.0
    for _ in range(5):
        theta = np.array([1, 0, 0, 0, 1, 0]) + rng.uniform(-0.15, 0.15, (1, 6))
        got = describe_theta(theta, (41, 41))
        centres = []
        for y, x in ((0, 0), (0, 5), (5, 0)):
            blob = np.exp(-((i - y) ** 2 + (j - x) ** 2) / 8)[None, None]
            moved = affine_sample.forward(blob, theta)[0, 0]
            centres.append(np.array([(moved * j).sum(), (moved * i).sum()]) / moved.sum())
        np.testing.assert_allclose(centres[0], [got["shift_right"][0], got["shift_down"][0]], atol=0.05)
        right, down = centres[1] - centres[0], centres[2] - centres[0]
        stretched = turned(-got["rotation"][0]) @ np.stack([right, down], axis=1) / 5
        np.testing.assert_allclose(
            [100 * stretched[0, 0], 100 * stretched[1, 1]], [got["scale_x"][0], got["scale_y"][0]], atol=1.5
        )
        assert stretched[0, 1] == pytest.approx(stretched[1, 0], abs=0.02)


def test_many_at_once_in_either_shape_and_flattened_pictures(rng):
    theta = np.array([1, 0, 0, 0, 1, 0], np.float32) + rng.uniform(-0.3, 0.3, (7, 6)).astype(np.float32)
    theta[3] = 0
    one, other = describe_theta(theta, (28, 28)), describe_theta(theta.reshape(7, 2, 3), (28, 28))
    for name in one:
        assert one[name].shape == (7,) and one[name].dtype == np.float64
        np.testing.assert_array_equal(one[name], other[name])
        assert np.isnan(one[name][3]) and np.isfinite(np.delete(one[name], 3)).all()
        assert one[name][5] == describe_theta(theta[5:6], (28, 28))[name][0]


def test_flows(rng):
    flow = np.zeros((2, 2, 4, 5), np.float32)
    flow[1, :, 0, 0] = 3, -4
    got = describe_flow(flow)
    assert got["mean"].tolist() == [0, 0.25] and got["largest"].tolist() == [0, 5]


@pytest.mark.parametrize(("call", "message"), (
    (lambda: describe_theta(np.zeros((3, 5)), (28, 28)), r"theta has shape \(3, 5\)"),
    (lambda: describe_theta(np.zeros(6), (28, 28)), "theta has shape"),
    (lambda: describe_theta(np.zeros((3, 6)), (28, 0)), "size is 0"),
    (lambda: describe_flow(np.zeros((2, 4, 4))), "flow has shape"),
))
def test_bad_arguments(call, message):
    with pytest.raises(ArgumentError, match=message):
        call()
