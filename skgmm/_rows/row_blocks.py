"""RowBlocks: out-of-core data sources, from files or from functions that return blocks."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from skgmm._rows.array_input import plain
from skgmm._rows.block import Block, Source
from skgmm._rows.missing import unmasked
from skgmm._rows.npy import NpyFiles
from skgmm._rows.paths import Paths, files_of
from skgmm._rows.unchanged_files import FileState


class RowBlocks:
    """Data larger than memory, read one block at a time in every pass.

    Create it with `from_npy`, `from_parquet`, `from_csv`, `from_arrow` or `from_iterable`, and pass
    it to the methods of :class:`GaussianMixtureEM` as X. A fit reads every sample once per pass, in
    order. The next block is read while one is computed, so no more than two blocks are in memory.
    The result is bit-identical to that of the same data in memory; equal to rounding if values are
    missing (NaN), or with labels or noise. Iterating yields the data of each block, for results
    that do not fit in memory either: ``for X in blocks: mixture.predict_proba(X)``.

    Examples
    --------
    >>> import numpy as np
    >>> from skgmm import GaussianMixtureEM, RowBlocks
    >>> def factory():  # a new iterator at every call: 20 blocks of 1,000 samples
    ...     for seed in range(20):
    ...         rng = np.random.default_rng(seed)
    ...         yield rng.normal(size=(1000, 2)) + 6 * rng.integers(2, size=(1000, 1))
    >>> blocks = RowBlocks.from_iterable(factory)
    >>> mixture = GaussianMixtureEM(2, random_state=0).fit(blocks)
    >>> np.sort(mixture.means_[:, 0]).round(1)
    array([0., 6.])
    >>> mixture.predict(blocks).shape
    (20000,)
    """

    def __init__(self, source: Source) -> None:
        self.source = source

    @classmethod
    def from_npy(
        cls, paths: Paths, *, sample_weight: Paths | None = None, block_rows: int | None = None
    ) -> RowBlocks:
        """Samples of one or more .npy files, one after the other.

        Parameters
        ----------
        paths : path or list of paths
            Arrays of shape (n_samples, n_features) of real numbers, in C or Fortran order. A path
            may have wildcards (``"part-*.npy"``), whose files are read in the order of their names.
        sample_weight : path or list of paths, default=None
            For each of `paths` the file of its weights, of shape (n_samples,).
        block_rows : int, default=None
            Number of samples in a block; None means about 16 MB.

        Raises
        ------
        ValueError
            If a file is not an .npy file of that shape, or its length does not match its header.
        """
        files = files_of(paths, "paths")
        weights = None if sample_weight is None else files_of(sample_weight, "sample_weight")
        if weights is not None and len(weights) != len(files):
            raise ValueError(
                f"sample_weight should name a file for each of paths, {len(files)}, but names "
                f"{len(weights)}"
            )
        source = NpyFiles(files, weights, _checked_size(block_rows))
        source.check()
        return cls(source)

    @classmethod
    def from_parquet(
        cls,
        path: Paths,
        columns: Sequence[str] | None = None,
        *,
        sample_weight: str | None = None,
        block_rows: int | None = None,
    ) -> RowBlocks:
        """Samples of Parquet files; needs pyarrow.

        One row group is decoded at a time, which limits the memory. Integers, booleans and decimals
        are read as float64; columns are float32 if they are float32 in all files.

        Parameters
        ----------
        path : path or list of paths
            A file, a folder (all ``*.parquet`` in it and below it, sorted), a path with wildcards
            (``"part-*.parquet"``), or several.
        columns : list of str, default=None
            The features; None means all columns except that of the weights, which must then be the
            same in all files.
        sample_weight : str, default=None
            The column of weights.
        block_rows : int, default=None
            Number of samples in a block; None means about 16 MB.

        Raises
        ------
        ImportError
            If pyarrow is not installed.
        ValueError
            If a file is not a Parquet file or lacks a column, or if columns are not given
            and a file has others than the first. A fit raises it for text, and dates and
            times; nulls are missing values.
        """
        with _needs_pyarrow("from_parquet"):
            from skgmm._rows.parquet import ParquetFiles
        files = tuple(
            str(file)
            for name in files_of(path, "path")
            for file in (sorted(Path(name).rglob("*.parquet")) if Path(name).is_dir() else [name])
        )
        if not files:
            raise ValueError(f"path: there is no *.parquet file in {path}")
        options = _once(columns), sample_weight, _checked_size(block_rows)
        return cls(ParquetFiles.of(files, *options))

    @classmethod
    def from_csv(
        cls,
        paths: Paths,
        columns: Sequence[str] | None = None,
        *,
        sample_weight: str | None = None,
        sep: str = ",",
        decimal: str = ".",
        header: bool = True,
        block_rows: int | None = None,
    ) -> RowBlocks:
        """Samples of CSV files, also compressed ones (.csv.gz); needs pyarrow.

        Empty cells and NA, NaN, null and None are missing values. Every pass reads the text anew:
        for many passes convert the files to Parquet first.

        Parameters
        ----------
        paths : path or list of paths
            A path may have wildcards (``"part-*.csv"``).
        columns : list of str, default=None
            The features; None means all columns except that of the weights, which must then be the
            same in all files. Without a header, columns are called f0, f1, ...
        sample_weight : str, default=None
            The column of weights.
        sep : str, default=','
            What is between two cells, one character.
        decimal : str, default='.'
            The decimal point, one character.
        header : bool, default=True
            Whether the first line of each file has the names of the columns.
        block_rows : int, default=None
            Largest number of samples in a block; None means about 16 MB of numbers.

        Raises
        ------
        ImportError
            If pyarrow is not installed.
        ValueError
            If a file lacks a column, or if columns are not given and a file has others than the
            first. A fit raises it for cells that are neither numbers nor missing.
        """
        with _needs_pyarrow("from_csv"):
            from skgmm._rows.csv_files import CsvFiles
        for name, mark in (("sep", sep), ("decimal", decimal)):
            if not isinstance(mark, str) or len(mark) != 1:
                raise ValueError(f"{name} should be one character, but is {mark!r}")
        if sep == decimal:
            raise ValueError(f"sep and decimal should differ, but both are {sep!r}")
        options = sep, decimal, header, _checked_size(block_rows)
        return cls(CsvFiles.of(files_of(paths, "paths"), _once(columns), sample_weight, *options))

    @classmethod
    def from_arrow(
        cls,
        source: Any,
        columns: Sequence[str] | None = None,
        *,
        sample_weight: str | None = None,
        block_rows: int | None = None,
    ) -> RowBlocks:
        """Samples of an Arrow dataset, table or stream, or of a Polars scan; needs pyarrow.

        Parameters
        ----------
        source : pyarrow.dataset.Dataset, polars.LazyFrame, Arrow table or callable
            What can be read in every pass: a dataset, a scan, anything with the method
            ``__arrow_c_stream__`` (a table of pyarrow, a data frame of Polars), or a function that
            returns a new stream at every call.
        columns : list of str, default=None
            The features; None means all columns except that of the weights.
        sample_weight : str, default=None
            The column of weights.
        block_rows : int, default=None
            Largest number of samples in a block; None means about 16 MB.

        Raises
        ------
        ImportError
            If pyarrow is not installed.
        TypeError
            If `source` is nothing of that, or a stream, which can be read only once.
        ValueError
            If a column is missing. A fit raises it for text, and dates and times; nulls are missing
            values.
        """
        with _needs_pyarrow("from_arrow"):
            from skgmm._rows.arrow import ArrowBatches, is_arrow
        if not is_arrow(source):
            raise TypeError(
                "source should be a pyarrow Dataset, a Polars LazyFrame, an Arrow table or a "
                "function that returns a new stream at every call, because EM reads the data many "
                f"times, but got {type(source).__name__}"
            )
        options = _once(columns), sample_weight, _checked_size(block_rows)
        return cls(ArrowBatches.of(source, *options))

    @classmethod
    def from_iterable(cls, factory: Callable[[], Iterable[Any]]) -> RowBlocks:
        """Blocks returned by a function.

        Parameters
        ----------
        factory : callable
            Called without arguments in every pass, it returns a new iterator (or list) of the same
            blocks: arrays or data frames of shape (m, n_features), or pairs of one and its weights,
            of shape (m,). Each block needs its own memory, because the next one is made while one
            is used. An iterator that has a method `close` (a generator, or a reader of
            `pandas.read_csv`) is closed at the end of a pass, also if the pass stops early. To
            pickle the RowBlocks, the function must be picklable.

        Raises
        ------
        TypeError
            If `factory` is not callable: an iterator can be read once, EM reads data many times.
        """
        if not callable(factory):
            raise TypeError(
                "factory should be a function that returns a new iterator of blocks at every "
                f"call, because EM reads the data many times, but got {type(factory).__name__}"
            )
        return cls(_Made(factory))

    def __iter__(self) -> Iterator[Any]:
        with closing(self.source.blocks()) as blocks:
            for block in blocks:
                yield block.rows

    def __array__(self, *arguments: Any, **options: Any) -> NoReturn:
        raise TypeError(
            "RowBlocks cannot be converted to an array, because it may not fit in memory. For one "
            "block at a time: for X in blocks"
        )

    def __repr__(self) -> str:
        return f"RowBlocks({self.source!r})"


def _checked_size(block_rows: int | None) -> int | None:
    if block_rows is not None and block_rows < 1:
        raise ValueError(f"block_rows should be at least 1, but got {block_rows}")
    return block_rows


def _once(columns: Sequence[str] | None) -> tuple[str, ...] | None:
    if isinstance(columns, str):  # otherwise its letters would be names
        raise TypeError(f"columns should be a list of names, such as [{columns!r}], but is a str")
    chosen = None if columns is None else tuple(columns)
    if chosen is not None and len(set(chosen)) < len(chosen):
        raise ValueError(f"columns should name each column once, but is {list(chosen)}")
    return chosen


@contextmanager
def _needs_pyarrow(method: str) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        raise ImportError(
            f"RowBlocks.{method} needs pyarrow, which is not installed: pip install pyarrow"
        ) from error


@dataclass(frozen=True)
class _Made:
    """Blocks returned by the user's function."""

    factory: Callable[[], Iterable[Any]]

    def files(self) -> dict[str, FileState]:
        return {}

    def header(self) -> Any:
        with closing(self.blocks()) as blocks:
            first = next(blocks, None)
        if first is None:
            raise ValueError("X has no samples: the factory returned no block")
        rows = plain(unmasked(first.rows), "X, block 0")
        return rows[:0] if hasattr(rows, "shape") else np.asarray(rows)[:0]

    def blocks(self) -> Generator[Block, None, None]:
        made = self.factory()
        if not isinstance(made, Iterable):
            raise TypeError(
                f"factory should return an iterator of blocks, but returned {type(made).__name__}"
            )
        with _closed(made), _closed(iter(made)) as blocks:
            for number, block in enumerate(blocks):
                weighted = isinstance(block, tuple) and len(block) == 2
                rows, weights = block if weighted else (block, None)
                yield Block(rows, weights, f"block {number}")


@contextmanager
def _closed(resource: Any) -> Iterator[Any]:
    """Close the resource at the end if it has a method `close`, also if a pass stops early."""
    try:
        yield resource
    finally:
        if hasattr(resource, "close"):
            resource.close()
