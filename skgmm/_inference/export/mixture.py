"""The methods of a mixture that make it something else, or make it from something else."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import DTypeLike
from sklearn.mixture import GaussianMixture

from skgmm._fitted import of_one_fit
from skgmm._inference import MixtureInference
from skgmm._inference.export.json import JSONMixin
from skgmm._inference.export.onnx_graph import model_of
from skgmm._inference.export.output_file import complete_file
from skgmm._inference.export.scikit_learn import from_sklearn, to_sklearn
from skgmm._inference.representation import named_after

if TYPE_CHECKING:
    from onnx import ModelProto


@named_after("GaussianMixtureEM")
class MixtureExport(JSONMixin, MixtureInference):
    """Methods `to_sklearn`, `from_sklearn`, `to_onnx`, and those of JSON."""

    @of_one_fit
    def to_sklearn(self) -> GaussianMixture:
        """Convert to a fitted :class:`sklearn.mixture.GaussianMixture` with the same predictions.

        Its `covariance_type` is the simplest of scikit-learn's four that holds the structure: for
        example 'spherical' for EII, 'diag' for VEI, 'full' for EEV. Its attributes are float64.
        Constructor parameters are kept where they mean the same, not `tol` and
        ``reg_covar='auto'``.

        Returns
        -------
        mixture : sklearn.mixture.GaussianMixture

        Raises
        ------
        ValueError
            If the mixture has noise.

        Examples
        --------
        >>> from skgmm import GaussianMixtureEM
        >>> mixture = GaussianMixtureEM.from_parameters([0.5, 0.5], [[0], [4]], [1, 1], "EII")
        >>> mixture.to_sklearn().predict([[1], [3]])
        array([0, 1])
        """
        return to_sklearn(self)

    @classmethod
    def from_sklearn(cls, mixture: GaussianMixture) -> Self:
        """Convert a fitted :class:`sklearn.mixture.GaussianMixture`.

        Constructor parameters are kept where they mean the same (not `tol`), as are
        `converged_`, `n_iter_`, `lower_bound_` and the names of the features.

        Parameters
        ----------
        mixture : sklearn.mixture.GaussianMixture
            Fitted, or with `weights_`, `means_` and `precisions_cholesky_` set.

        Returns
        -------
        mixture : GaussianMixtureEM

        Raises
        ------
        ValueError
            For a :class:`sklearn.mixture.BayesianGaussianMixture`, whose predictions are not
            those of its point estimates.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.mixture import GaussianMixture
        >>> from skgmm import GaussianMixtureEM
        >>> X = np.array([[1, 2], [1.5, 4], [0.5, 0], [10, 2], [9.5, 4], [10.5, 0]])
        >>> theirs = GaussianMixture(2, covariance_type="diag", random_state=0).fit(X)
        >>> mixture = GaussianMixtureEM.from_sklearn(theirs)
        >>> bool(np.isclose(mixture.score(X), theirs.score(X)))
        True
        """
        converted: Self = from_sklearn(cls, mixture)
        return converted

    @of_one_fit
    def to_onnx(
        self, path: str | os.PathLike[str] | None = None, *, dtype: DTypeLike = "float32"
    ) -> ModelProto:
        """Convert to an ONNX model, which runs without Python. Needs the package onnx.

        The model has the input `X` of shape (n_samples, n_features), and the outputs `label`
        (n_samples,), `probabilities` (n_samples, n_components), with noise one column more, and
        `score_samples` (n_samples,), as `predict`, `predict_proba` and `score_samples`. It has
        standard operators only (opset 13). Missing values (NaN) are not supported in it.

        Parameters
        ----------
        path : str or path, default=None
            The file to write, too. An existing file is replaced when the model is complete.
        dtype : {'float32', 'float64'}, default='float32'
            Of input, computation and outputs. With float32, probabilities agree with
            `predict_proba` to about 1e-6, less well if features of a component are nearly
            collinear.

        Returns
        -------
        model : onnx.ModelProto

        Raises
        ------
        ImportError
            If the package onnx is not installed.
        """
        wanted = _check_dtype(dtype)
        try:
            import onnx  # noqa: F401
        except ImportError as error:
            raise ImportError("to_onnx needs the package onnx: pip install onnx") from error
        self._parameters()  # raises unless fitted
        model = model_of(self, wanted)
        if path is not None:
            with complete_file(Path(path), binary=True) as file:
                file.write(model.SerializeToString())
        return model

    def _check_attributes(self) -> None:
        """Raise ValueError unless attributes that were read agree with each other."""
        if not hasattr(self, "means_"):
            return
        sizes = np.shape(self.means_)
        if len(sizes) != 2:
            raise ValueError(f"means_ should have two dimensions, but has the shape {sizes}")
        public = self._structure().shape(*sizes)
        shapes = {
            "means_": sizes,
            "weights_": sizes[:1],
            "covariances_": public,
            "precisions_": public,
            "precisions_cholesky_": public,
        }
        for name, shape in shapes.items():
            # A mixture that was put together by setting attributes need not have all.
            array = np.asarray(getattr(self, name, np.ones(shape)))
            if array.dtype.kind not in "fiu" or array.shape != shape:
                raise ValueError(f"{name} should be an array of numbers of shape {shape}")
            if not np.isfinite(array).all():
                raise ValueError(f"{name} should hold finite numbers")
        if getattr(self, "n_features_in_", sizes[1]) != sizes[1]:
            raise ValueError("n_features_in_ should be the number of columns of means_")


def _check_dtype(dtype: Any) -> np.dtype:
    with contextlib.suppress(TypeError):
        if dtype is not None and np.dtype(dtype) in (np.float32, np.float64):
            return np.dtype(dtype)
    raise ValueError(f"dtype should be 'float32' or 'float64', but got {dtype!r}")
