"""Estimators, arrays and builtins as strict JSON, and back to the last bit.

What JSON does not have is an object with one key that begins with "$": {"$float": "nan"}. A text
can name no class but the estimators of this package, and no code of it is run.
"""

from __future__ import annotations

import math
import re
from itertools import chain
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from skgmm._linalg import Array

# Objects of the user beside the parameters: scikit-learn's callbacks and metadata requests.
_NOT_SAVED = frozenset({"_skl_callbacks", "_callback_fit_ctx", "_metadata_request"})

_NUMBER = r"bool|u?int(8|16|32|64)|float(16|32|64)"
_DTYPE = re.compile(_NUMBER + r"|object|U\d{1,6}|[mM]8(\[\w+\])?")
_OF_JSON = {"b": (bool,), "i": (int,), "u": (int,), "f": (float, int), "U": (str,)}

_NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def encode_estimator(estimator: Any, where: str) -> dict[str, Any]:
    """The class, constructor parameters and all other attributes of an estimator.

    Raises
    ------
    TypeError
        If one of them cannot be written as JSON.
    """
    parameters = estimator.get_params(deep=False)
    attributes = {
        name: value
        for name, value in vars(estimator).items()
        if name not in parameters and name not in _NOT_SAVED
    }
    return {
        "class": type(estimator).__name__,
        "parameters": _encode_members(parameters, where),
        "attributes": _encode_members(attributes, where),
    }


def decode_estimator(value: Any, cls: type, where: str) -> Any:
    """An estimator of this class.

    Raises
    ------
    ValueError
        If the value is not what `encode_estimator` returned.
    """
    members = []
    for part in ("parameters", "attributes"):
        found = value.get(part) if type(value) is dict else None
        if type(found) is not dict:
            raise ValueError(f"{where} should have 'parameters' and 'attributes'")
        members.append({name: decode(item, f"{where}.{name}") for name, item in found.items()})
    parameters, attributes = members
    try:
        estimator = cls(**parameters)
    except TypeError as error:  # a parameter that this version does not have
        raise ValueError(f"{where}: {error}") from error
    estimator.__dict__.update(attributes)
    if check := getattr(estimator, "_check_attributes", None):
        check()
    return estimator


def encode(value: Any, where: str) -> Any:
    """As objects that `json.dumps` writes; `where` names the value in an error."""
    if isinstance(value, np.generic):  # first, because np.float64 is a float, too
        return {"$array": _encode_array(np.asarray(value), where)}
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$float": _name_of(value)}
    if isinstance(value, list):
        return [encode(item, where) for item in value]
    if isinstance(value, tuple):
        return {"$tuple": [encode(item, where) for item in value]}
    if isinstance(value, range):
        return {"$range": [value.start, value.stop, value.step]}
    if isinstance(value, dict):
        return _encode_dict(value, where)
    if isinstance(value, BaseEstimator) and type(value) in known_estimators().values():
        return {"$estimator": encode_estimator(value, where)}
    if isinstance(value, np.random.RandomState):
        return {"$random_state": _encode_random_state(value, where)}
    if hasattr(value, "__array__") and not isinstance(value, (type, np.ma.MaskedArray)):
        return {"$array": _encode_array(np.asarray(value), where)}
    raise _not_json(f"is {'a function' if callable(value) else type(value).__name__}", where)


def decode(value: Any, where: str) -> Any:
    """What was encoded."""
    if isinstance(value, list):
        return [decode(item, where) for item in value]
    if not isinstance(value, dict):
        return value
    tag = next(iter(value), "")
    if not tag.startswith("$"):
        return {name: decode(item, f"{where}.{name}") for name, item in value.items()}
    if len(value) > 1 or tag not in _DECODERS:
        raise ValueError(f"{where} has the unknown form {tag!r}")
    return _DECODERS[tag](value[tag], where)


def known_estimators() -> dict[str, type]:
    """The estimators of this package by name."""
    found: dict[str, type] = {}
    classes: list[type] = [BaseEstimator]
    while classes:
        below: list[type] = classes.pop().__subclasses__()
        classes += below
        found |= {cls.__name__: cls for cls in below if cls.__module__.startswith("skgmm.")}
    return found


def _name_of(value: float) -> str:
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"


def _not_json(what: str, where: str) -> TypeError:
    name = where.rpartition(".")[2]
    remedy = (
        f"For a constructor parameter, call set_params({name}=...) with another value first, which "
        "leaves the fit as it is. Otherwise use pickle or skops."
    )
    return TypeError(f"{where} {what}, which cannot be written as JSON. {remedy}")


def _encode_members(members: dict[str, Any], where: str) -> dict[str, Any]:
    return {name: encode(value, f"{where}.{name}") for name, value in members.items()}


def _encode_dict(value: dict[Any, Any], where: str) -> dict[str, Any]:
    if all(isinstance(key, str) and not key.startswith("$") for key in value):
        return _encode_members(value, where)
    return {"$dict": [[encode(key, where), encode(item, where)] for key, item in value.items()]}


def _encode_array(array: Array, where: str) -> dict[str, Any]:
    text, number = array.dtype.str[1:], array.dtype.name
    dtype = "object" if text == "O" else text if array.dtype.kind in "UmM" else number
    if not _DTYPE.fullmatch(dtype):
        raise _not_json(f"has the dtype {array.dtype}", where)
    values = array.view(np.int64) if array.dtype.kind in "mM" else array
    if array.dtype.kind == "O" or (array.dtype.kind == "f" and not np.isfinite(array).all()):
        nested: Any = np.empty(array.size, dtype=object)
        for index, item in enumerate(array.ravel().tolist()):
            nested[index] = encode(item, where) if dtype == "object" else _finite_or_name(item)
        values = nested.reshape(array.shape)
    return {"dtype": dtype, "shape": list(array.shape), "values": values.tolist()}


def _finite_or_name(value: float) -> float | str:
    return value if math.isfinite(value) else _name_of(value)


def _decode_array(value: Any, where: str) -> Any:
    if type(value) is not dict or value.keys() != {"dtype", "shape", "values"}:
        raise ValueError(f"{where} should have a dtype, a shape and values")
    name, shape = value["dtype"], value["shape"]
    if type(name) is not str or not _DTYPE.fullmatch(name):
        raise ValueError(f"{where} has the dtype {name!r}, which is not supported")
    if type(shape) is not list or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError(f"{where} has the shape {shape!r}, which is none")
    flat = _flattened(value["values"], shape, where)
    try:
        array = _array_of(flat, np.dtype(name), where).reshape(shape)
    except (OverflowError, TypeError) as error:
        raise ValueError(f"{where} should hold values of dtype {name}: {error}") from error
    return array if shape else array[()]


def _flattened(values: Any, shape: list[int], where: str) -> list[Any]:
    level = [values]
    for length in shape:
        if not all(type(part) is list and len(part) == length for part in level):
            raise ValueError(f"{where} should hold values of shape {tuple(shape)}")
        level = list(chain.from_iterable(level))
    return level


def _array_of(flat: list[Any], dtype: np.dtype, where: str) -> Array:
    if dtype.kind == "O":
        array = np.empty(len(flat), dtype=object)
        for index, item in enumerate(flat):
            array[index] = decode(item, where)
        return array
    if dtype.kind == "f":
        flat = [_NON_FINITE.get(item, item) if type(item) is str else item for item in flat]
    kinds = _OF_JSON.get(dtype.kind, (int,))
    if not all(type(item) in kinds for item in flat):
        raise ValueError(f"{where} should hold values of dtype {dtype}")
    if dtype.kind in "mM":
        return np.array(flat, dtype=np.int64).view(dtype)
    return np.array(flat, dtype=dtype)


def _encode_random_state(value: np.random.RandomState, where: str) -> Any:
    state = value.get_state(legacy=False)
    if state["bit_generator"] != "MT19937":
        raise _not_json(f"uses the generator {state['bit_generator']}", where)
    return encode(state, where)


def _decode_random_state(value: Any, where: str) -> np.random.RandomState:
    found = np.random.RandomState(0)
    try:
        found.set_state(decode(value, where))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{where} is not the state of a RandomState: {error}") from error
    return found


def _decode_float(value: Any, where: str) -> float:
    if type(value) is not str or value not in _NON_FINITE:
        raise ValueError(f"{where} should be one of {', '.join(_NON_FINITE)}")
    return _NON_FINITE[value]


def _decode_tuple(value: Any, where: str) -> tuple[Any, ...]:
    return tuple(_decode_list(value, where))


def _decode_range(value: Any, where: str) -> range:
    numbers = _decode_list(value, where)
    if len(numbers) != 3 or any(type(number) is not int for number in numbers) or not numbers[2]:
        raise ValueError(f"{where} should be start, stop and step of a range, but is {numbers}")
    return range(*numbers)


def _decode_list(value: Any, where: str) -> list[Any]:
    if type(value) is not list:
        raise ValueError(f"{where} should be a list")
    return [decode(item, where) for item in value]


def _decode_dict(value: Any, where: str) -> dict[Any, Any]:
    try:
        return dict(_decode_list(value, where))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where} should be a list of keys and values") from error


def _decode_nested(value: Any, where: str) -> Any:
    known = known_estimators()
    name = value.get("class") if type(value) is dict else None
    if type(name) is not str or name not in known:
        raise ValueError(f"{where} is of the unknown class {name!r}")
    return decode_estimator(value, known[name], where)


_DECODERS = {
    "$array": _decode_array,
    "$dict": _decode_dict,
    "$estimator": _decode_nested,
    "$float": _decode_float,
    "$random_state": _decode_random_state,
    "$range": _decode_range,
    "$tuple": _decode_tuple,
}
