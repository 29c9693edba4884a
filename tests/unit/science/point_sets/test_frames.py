import numpy as np
import pytest
import torch

from app.science.point_sets.frames import principal_frames
from app.science.point_sets.ops import TorchOps


@pytest.mark.parametrize("dim", [2, 3])
def test_axes_are_the_eigenvectors_the_longest_first(dim: int) -> None:
    rng = np.random.default_rng(dim)
    points = rng.standard_normal((50, 30, dim)) @ rng.standard_normal((50, dim, dim))

    given = torch.as_tensor(points, dtype=torch.float32)
    found = principal_frames(TorchOps(), given, dim).numpy()

    turned = points @ found
    scatter = np.swapaxes(turned, 1, 2) @ turned
    sizes = np.diagonal(scatter, axis1=1, axis2=2)
    eigenvalues = np.linalg.eigvalsh(np.swapaxes(points, 1, 2) @ points)[:, ::-1]
    assert sizes == pytest.approx(eigenvalues, rel=1e-4, abs=1e-3)
    assert np.linalg.det(found) == pytest.approx(np.ones(50), abs=1e-5)


@pytest.mark.parametrize("dim", [2, 3])
def test_sets_without_axes_keep_a_frame(dim: int) -> None:
    corners = np.concatenate([np.eye(dim), -np.eye(dim)])
    points = torch.as_tensor(np.stack([corners, np.zeros_like(corners)]), dtype=torch.float32)

    found = principal_frames(TorchOps(), points, dim).numpy()

    assert found @ np.swapaxes(found, 1, 2) == pytest.approx(np.stack([np.eye(dim)] * 2), abs=1e-5)
