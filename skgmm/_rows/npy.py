"""Blocks of .npy files. They are read, not mapped: a mapped file that shrinks kills the process."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

import numpy as np

from skgmm._linalg import Array
from skgmm._rows.block import Block, block_size, place
from skgmm._rows.unchanged_files import FileState, states_of


class _Layout(NamedTuple):
    """How an .npy file holds its numbers."""

    path: str
    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool
    offset: int


@dataclass(frozen=True)
class NpyFiles:
    """Rows of files, one after the other."""

    paths: tuple[str, ...]
    weights: tuple[str, ...] | None
    block_rows: int | None

    def check(self) -> None:
        """Look at all headers, to tell what is wrong before a pass comes to it."""
        shapes = [_layout(path, 2).shape for path in self.paths]
        for path, shape in zip(self.paths, shapes, strict=True):
            if shape[1] != shapes[0][1]:
                raise ValueError(
                    f"{path} has {shape[1]} features, but {self.paths[0]} {shapes[0][1]}"
                )
        for number in range(len(self.paths)):
            self._layout_of_weights(number)

    def _layout_of_weights(self, number: int) -> _Layout | None:
        """That of the weights of a file."""
        if self.weights is None:
            return None
        path, n_samples = self.paths[number], _layout(self.paths[number], 2).shape[0]
        layout = _layout(self.weights[number], 1)
        if layout.shape != (n_samples,):
            raise ValueError(
                f"{self.weights[number]} holds {layout.shape[0]} weights, but {path} {n_samples} "
                "rows"
            )
        return layout

    def files(self) -> dict[str, FileState]:
        return states_of([*self.paths, *(self.weights or ())])

    def header(self) -> Array:
        layouts = [_layout(path, 2) for path in self.paths]
        return np.empty((0, layouts[0].shape[1]), np.result_type(*(one.dtype for one in layouts)))

    def blocks(self) -> Generator[Block, None, None]:
        for number, path in enumerate(self.paths):
            layout = _layout(path, 2)
            n_samples, n_features = layout.shape
            weights = self._layout_of_weights(number)
            step = block_size(n_features, self.block_rows)
            for start in range(0, n_samples, step):
                stop = min(start + step, n_samples)
                yield Block(
                    _read(layout, start, stop),
                    None if weights is None else _read(weights, start, stop),
                    place(path, start, stop),
                )


def _layout(path: str, n_dimensions: int) -> _Layout:
    """The header of a complete .npy file."""
    with open(path, "rb") as file:
        shape, fortran, dtype = _header(path, file)
        layout = _Layout(path, shape, dtype, fortran, file.tell())
        n_bytes = file.seek(0, 2) - layout.offset
    if dtype.kind not in "biuf" or len(shape) != n_dimensions:
        raise ValueError(
            f"{path} should hold real numbers in {n_dimensions} dimensions, but holds {dtype} of "
            f"shape {shape}"
        )
    if min(shape) < 0 or shape[1:] == (0,):
        raise ValueError(f"{path}: the shape in its header is impossible, {shape}")
    promised = int(np.prod(shape, dtype=object)) * dtype.itemsize
    if n_bytes < promised:
        raise ValueError(
            f"{path} is truncated: by its header it has {shape[0]} rows, {promised} bytes, but "
            f"only {n_bytes} bytes follow"
        )
    if n_bytes > promised:
        raise ValueError(
            f"{path} is longer than its header says: {n_bytes} bytes instead of {promised} for "
            f"{shape[0]} rows. Save one array per file."
        )
    return layout


def _header(path: str, file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Shape, whether in Fortran order, and dtype."""
    try:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            return np.lib.format.read_array_header_1_0(file)
        if version in ((2, 0), (3, 0)):
            return np.lib.format.read_array_header_2_0(file)
    except OSError:
        raise
    except Exception as error:  # NumPy parses the header as Python
        raise ValueError(f"{path} is not an .npy file of numbers: {error}") from error
    raise ValueError(f"{path} is not an .npy file of numbers: its version is {version}")


def _read(layout: _Layout, start: int, stop: int) -> Array:
    """Rows start to stop, in the order of the file."""
    n_columns = layout.shape[1] if len(layout.shape) == 2 else 1
    if layout.fortran and n_columns > 1:
        rows = np.empty((stop - start, n_columns), layout.dtype, order="F")
        for column in range(n_columns):
            rows[:, column] = _numbers(layout, column * layout.shape[0] + start, len(rows))
        return rows
    numbers = _numbers(layout, start * n_columns, (stop - start) * n_columns)
    return numbers.reshape(stop - start, *layout.shape[1:])


def _numbers(layout: _Layout, start: int, count: int) -> Array:
    offset = layout.offset + start * layout.dtype.itemsize
    numbers = np.fromfile(layout.path, layout.dtype, count=count, offset=offset)
    if len(numbers) < count:
        row = start // layout.shape[-1]
        raise ValueError(f"{layout.path} was truncated while it was read, in row {row} or later")
    return numbers
