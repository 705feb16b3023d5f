"""Importing this module lets skl2onnx convert pipelines that end with a GaussianMixtureEM.

It registers a converter whose outputs are `label`, `probabilities` and `score_samples`, as those of
:meth:`skgmm.GaussianMixtureEM.to_onnx`, which converts a mixture alone, without skl2onnx. Needs the
packages onnx and skl2onnx.

>>> import numpy as np
>>> import skgmm.onnx
>>> from skl2onnx import to_onnx
>>> from sklearn.pipeline import make_pipeline
>>> from sklearn.preprocessing import StandardScaler
>>> X = np.random.default_rng(0).normal(size=(100, 2))
>>> pipeline = make_pipeline(StandardScaler(), skgmm.GaussianMixtureEM(random_state=0)).fit(X)
>>> model = to_onnx(pipeline, X.astype(np.float32))
>>> [output.name for output in model.graph.output]
['label', 'probabilities', 'score_samples']
"""

from __future__ import annotations

from typing import Any

import numpy as np

from skgmm._inference.export.onnx_graph import Graph, add_mixture
from skgmm._mixture import GaussianMixtureEM

try:
    from onnx import helper
    from skl2onnx import update_registered_converter
    from skl2onnx.common.data_types import (
        DoubleTensorType,
        FloatTensorType,
        Int64TensorType,
    )
except ImportError as error:
    raise ImportError(
        "skgmm.onnx needs the packages onnx and skl2onnx: pip install onnx skl2onnx"
    ) from error

__all__: list[str] = []

_ALIAS = "SkgmmGaussianMixtureEM"


def _parse(scope: Any, mixture: Any, inputs: list[Any], custom_parsers: Any = None) -> list[Any]:
    """Declare the outputs of a mixture."""
    operator = scope.declare_local_operator(_ALIAS, mixture)
    operator.inputs = inputs
    number = DoubleTensorType if _is_double(inputs) else FloatTensorType
    types = {
        "label": Int64TensorType(),
        "probabilities": number(),
        "score_samples": number(),
    }
    for name, kind in types.items():
        operator.outputs.append(scope.declare_local_variable(name, kind))
    return list(operator.outputs)


def _set_shapes(operator: Any) -> None:
    mixture = operator.raw_operator
    n_samples = operator.inputs[0].get_first_dimension()
    columns = mixture._parameters().n_components + (mixture._background() is not None)
    label, probabilities, score = operator.outputs
    label.type.shape = [n_samples]
    probabilities.type.shape = [n_samples, columns]
    score.type.shape = [n_samples]


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """Add the nodes of a mixture to the graph of a pipeline."""
    dtype = np.float64 if _is_double(operator.inputs) else np.float32
    graph = Graph(dtype, prefix=scope.get_unique_variable_name("mixture_"))
    to = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    numbers = [graph.add("Cast", given.full_name, to=to) for given in operator.inputs]
    X = numbers[0] if len(numbers) == 1 else graph.add("Concat", *numbers, axis=1)
    outputs = [output.full_name for output in operator.outputs]
    add_mixture(graph, operator.raw_operator, X, tuple(outputs))
    for name, value in graph.constants.items():
        kind = helper.np_dtype_to_tensor_dtype(value.dtype)
        container.add_initializer(name, kind, list(value.shape), value.ravel().tolist())
    for node in graph.nodes:
        attributes = {part.name: helper.get_attribute_value(part) for part in node.attribute}
        container.add_node(
            node.op_type, list(node.input), list(node.output), name=node.name, **attributes
        )


def _is_double(inputs: list[Any]) -> bool:
    return any(isinstance(given.type, DoubleTensorType) for given in inputs)


update_registered_converter(GaussianMixtureEM, _ALIAS, _set_shapes, _convert, parser=_parse)
