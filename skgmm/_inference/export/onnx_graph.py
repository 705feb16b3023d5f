"""A mixture as an ONNX graph of standard operators (opset 13 or later).

In float32, where X may be 10^4 standard deviations from 0, the answers are those of float64 up to
rounding: the mean is subtracted first, in two parts, because a float32 number alone cannot hold it;
features are in units of about a standard deviation; squared distances are compared with the
smallest one, by what is linear in the sample where all components share a covariance. Samples so
far away that squares overflow are divided by their distance.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from skgmm._inference import MixtureInference
from skgmm._linalg import Array
from skgmm._parameters import MixtureParameters
from skgmm._version import __version__

OPSET = 13

# log2 of a distance, in units of a small standard deviation, at which squares need no care yet.
_FAR = 30

# Bits between the largest number of a dtype and the largest values of the graph, so that
# differences of these are finite.
_SPARE_BITS = 2

_SQRT_HALF = float(np.sqrt(0.5))


class Graph:
    """Nodes and constants of a graph in the making."""

    def __init__(self, dtype: DTypeLike, prefix: str = "") -> None:
        self.dtype, self.prefix = np.dtype(dtype), prefix
        self.nodes: list[Any] = []
        self.constants: dict[str, Array] = {}

    def constant(self, value: Any, dtype: DTypeLike | None = None) -> str:
        """The name of a constant."""
        name = f"{self.prefix}constant_{len(self.constants)}"
        self.constants[name] = np.asarray(value, dtype=dtype or self.dtype)
        return name

    def add(self, operator: str, *inputs: Any, output: str | None = None, **attributes: Any) -> str:
        """Add a node, whose inputs are names of values or numbers; the name of its output."""
        from onnx import helper

        names = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        output = output or f"{self.prefix}{operator}_{len(self.nodes)}"
        name = f"{self.prefix}node_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, names, [output], name=name, **attributes))
        return output

    def sum(self, values: str, axis: int, keepdims: int) -> str:
        axes = self.constant([axis], np.int64)
        return self.add("ReduceSum", values, axes, keepdims=keepdims)


def model_of(mixture: MixtureInference, dtype: np.dtype) -> Any:
    """A ModelProto with input X and outputs label, probabilities and score_samples."""
    from onnx import helper, numpy_helper

    graph = Graph(dtype)
    add_mixture(graph, mixture, "X", ("label", "probabilities", "score_samples"))
    n_components, n_features = np.shape(mixture.means_)
    number = helper.np_dtype_to_tensor_dtype(dtype)
    columns = n_components + (mixture._background() is not None)
    outputs = [
        helper.make_tensor_value_info(
            "label", helper.np_dtype_to_tensor_dtype(np.dtype(np.int64)), ["n_samples"]
        ),
        helper.make_tensor_value_info("probabilities", number, ["n_samples", columns]),
        helper.make_tensor_value_info("score_samples", number, ["n_samples"]),
    ]
    onnx_graph = helper.make_graph(
        graph.nodes,
        "gaussian_mixture",
        [helper.make_tensor_value_info("X", number, ["n_samples", n_features])],
        outputs,
        [numpy_helper.from_array(value, name) for name, value in graph.constants.items()],
    )
    opsets = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(
        onnx_graph,
        opset_imports=opsets,
        ir_version=helper.find_min_ir_version_for(opsets),
        producer_name="skgmm",
        producer_version=__version__,
    )
    if hasattr(mixture, "feature_names_in_"):
        names = json.dumps([str(name) for name in mixture.feature_names_in_])
        helper.set_model_props(model, {"feature_names": names})
    return model


def add_mixture(
    graph: Graph, mixture: MixtureInference, X: str, outputs: tuple[str, str, str]
) -> None:
    """Add nodes that compute label (n,), probabilities (n, K) and log-density (n,) of X (n, d)."""
    parameters, background = mixture._parameters(), mixture._background()
    highest = parameters.log_peak.max()
    halves, compared, scale = _half_squares(graph, parameters, X)
    # Of the component that is nearest, and how much farther the others are.
    index = graph.add("ArgMin", compared, axis=1, keepdims=1)
    nearest = graph.add("GatherElements", halves, index, axis=1)
    least = graph.add("GatherElements", compared, index, axis=1)
    farther = _rescaled(graph, graph.add("Sub", compared, least), scale)
    nearest = graph.add("Min", _rescaled(graph, nearest, scale), _largest(graph.dtype))
    # Log joint densities, but for those two terms that all components have.
    joint = graph.add("Sub", graph.constant(parameters.log_peak - highest), farther)
    label = graph.add("ArgMax", joint, axis=1, keepdims=1)
    most = graph.add("GatherElements", joint, label, axis=1)
    relative = graph.add("Exp", graph.add("Sub", joint, most))
    total = graph.sum(relative, axis=1, keepdims=1)
    probabilities = graph.add("Div", relative, total)
    peak = graph.add("Sub", graph.add("Add", most, highest), nearest)
    density = graph.add("Add", peak, graph.add("Log", total))
    if background is not None:
        log_noise = float(parameters.log_noise_weight - background.log_volume)
        is_noise = graph.add("Less", peak, log_noise)
        label = graph.add("Where", is_noise, graph.constant(-1, np.int64), label)
        probabilities, density = _beside_noise(graph, probabilities, density, log_noise)
    for value, output in zip((label, probabilities, density), outputs, strict=True):
        if value is probabilities:
            graph.add("Identity", value, output=output)
        else:
            graph.add("Reshape", value, graph.constant([-1], np.int64), output=output)


def _half_squares(graph: Graph, parameters: MixtureParameters, X: str) -> tuple[str, str, str]:
    """Half the squared Mahalanobis distances (n, K), divided by the square of a scale (n, 1).

    Also these less what all components have in common, so that differences keep their digits where
    one covariance is that of all. The scale is 1, but for samples so far away that squares could
    overflow.
    """
    units = _units(parameters, graph.dtype)
    largest = _largest(graph.dtype)
    high, low = _two_parts(parameters.means * units, graph.dtype)
    scaled = graph.add("Mul", X, graph.constant(units))
    scaled = graph.add("Clip", scaled, graph.constant(-largest), graph.constant(largest))
    centre = high.mean(axis=0, dtype=np.float64).astype(graph.dtype)
    from_centre = graph.add("Sub", scaled, graph.constant(centre))
    distances = graph.add("Mul", graph.add("Abs", from_centre), 2.0**-_FAR)
    scale = graph.add("Max", graph.sum(distances, axis=1, keepdims=1), 1.0)
    compared = None
    factors = parameters.covariance.kernel_factors
    if (factors == factors[0]).all():  # one for all, or equal ones
        apart = parameters.means - centre / units
        compared = _linear_parts(graph, parameters, units, apart, from_centre, scale)
    centred = graph.add("Sub", scaled, graph.constant(high[:, None, :]))  # (K, n, d)
    if low.any():
        centred = graph.add("Sub", centred, graph.constant(low[:, None, :]))
    centred = graph.add("Div", centred, scale)
    whitening = parameters.covariance.whitening * _SQRT_HALF
    if parameters.covariance.diagonal:
        white = graph.add("Mul", centred, graph.constant((whitening / units)[:, None, :]))
    else:
        transposed = np.swapaxes(whitening / units, 1, 2)
        white = graph.add("MatMul", centred, graph.constant(transposed))
    squares = graph.sum(graph.add("Mul", white, white), axis=2, keepdims=0)
    halves = graph.add("Transpose", squares, perm=[1, 0])
    compared = compared or halves
    without_weight = np.isneginf(parameters.log_weights)
    if without_weight.any():  # never the nearest
        far = graph.constant(np.where(without_weight, largest, 0.0))
        compared = graph.add("Add", compared, far)
    return halves, compared, scale


def _linear_parts(
    graph: Graph,
    parameters: MixtureParameters,
    units: Array,
    apart: Array,
    from_centre: str,
    scale: str,
) -> str:
    """Half the squared distances (n, K), over the square of the scale, less that from the centre.

    With one covariance for all these are linear in X less the centre (n, d), which is in units; the
    means less the centre `apart` (K, d) are not.
    """
    covariance = parameters.covariance
    white, factor = (covariance.whiten(rows, 0) for rows in (apart, np.eye(len(units))))
    slopes, halves = factor @ white.T / units[:, None], 0.5 * (white**2).sum(axis=1)
    linear = graph.add("MatMul", graph.add("Div", from_centre, scale), graph.constant(-slopes))
    constant = graph.add("Div", graph.constant(halves), scale)
    return graph.add("Div", graph.add("Add", linear, constant), scale)


def _beside_noise(graph: Graph, within: str, components: str, log_noise: float) -> tuple[str, str]:
    """Probabilities with a column for noise, and the log-density of the whole.

    From the probabilities (n, K) and the log-density (n, 1) of the components.
    """
    larger = graph.add("Max", components, log_noise)
    parts = [
        graph.add("Exp", graph.add("Sub", part, larger))
        for part in (components, graph.constant([log_noise]))
    ]
    density = graph.add("Add", larger, graph.add("Log", graph.add("Add", *parts)))
    of_components = graph.add("Exp", graph.add("Sub", components, density))
    of_noise = graph.add("Exp", graph.add("Sub", graph.constant([log_noise]), density))
    beside = graph.add("Mul", within, of_components)
    return graph.add("Concat", beside, of_noise, axis=1), density


def _rescaled(graph: Graph, squares: str, scale: str) -> str:
    """Squares times the square of the scale, without a product of 0 and infinity."""
    return graph.add("Mul", graph.add("Mul", squares, scale), scale)


def _largest(dtype: np.dtype) -> float:
    return float(2.0 ** (np.finfo(dtype).maxexp - _SPARE_BITS))


def _units(parameters: MixtureParameters, dtype: np.dtype) -> Array:
    """A power of 2 for each feature (d,), near the largest reciprocal standard deviation."""
    precisions = parameters.covariance.precision_diagonal.max(axis=0)
    info = np.finfo(dtype)
    exponents = np.floor(0.5 * np.log2(precisions)).clip(info.minexp, info.maxexp - 1)
    return np.exp2(exponents)


def _two_parts(values: Array, dtype: np.dtype) -> tuple[Array, Array]:
    """Numbers of this dtype whose sum is the values, up to the square of its rounding error."""
    if np.abs(values).max() > _largest(dtype):
        remedy = " Use dtype='float64'." if dtype == np.float32 else ""
        raise ValueError(
            f"dtype: means of the mixture are so many standard deviations from 0 that {dtype} "
            f"numbers cannot hold them.{remedy}"
        )
    high = values.astype(dtype)
    return high, (values - high).astype(dtype)
