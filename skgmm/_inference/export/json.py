"""Estimators as JSON text: to_json and from_json."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any, Self

from skgmm._fitted import of_one_fit
from skgmm._inference.export.encoding import decode_estimator, encode_estimator
from skgmm._inference.export.output_file import complete_file
from skgmm._version import __version__

FORMAT = "skgmm"
FORMAT_VERSION = 1


class JSONMixin:
    """Methods `to_json` and `from_json` of an estimator, and of all estimators within it."""

    @of_one_fit
    def to_json(self, path: str | os.PathLike[str] | None = None) -> str | None:
        """Write the estimator as JSON text, without pickles.

        It holds the constructor parameters and all fitted attributes to the last bit, with their
        dtypes, and the version of the format. Callbacks and metadata requests are not saved.

        Parameters
        ----------
        path : str or path, default=None
            The file to write. An existing file is replaced when the text is complete.

        Returns
        -------
        text : str or None
            None if a file was written.

        Raises
        ------
        TypeError
            If a constructor parameter cannot be written as JSON, such as a function given as
            `init_params`.

        Examples
        --------
        >>> from skgmm import GaussianMixtureEM
        >>> mixture = GaussianMixtureEM.from_parameters([1.0], [[0.1, 0.2]], [[[1, 0], [0, 9]]])
        >>> text = mixture.to_json()
        >>> GaussianMixtureEM.from_json(text).means_
        array([[0.1, 0.2]])
        """
        content = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "skgmm_version": __version__,
            "estimator": encode_estimator(self, type(self).__name__),
        }
        text = json.dumps(content, allow_nan=False)
        if path is None:
            return text
        with complete_file(Path(path), binary=True) as file:
            file.write(text.encode("ascii"))
        return None

    @classmethod
    def from_json(cls, text_or_path: str | os.PathLike[str]) -> Self:
        """Read an estimator that `to_json` wrote.

        No code of the text is run, and it can name no classes but those of this package.

        Parameters
        ----------
        text_or_path : str or path
            The text or the path of a file. A str that begins with ``{`` or ``[``, is empty or
            has several lines is text; any other is a path.

        Returns
        -------
        estimator
            Of this class.

        Raises
        ------
        ValueError
            If the text is not complete, was not written by `to_json`, by a newer version, or from
            an estimator of another class.
        """
        text, source = _read(text_or_path)
        content = _parse(text, source)
        _check_header(content, source)
        value = content.get("estimator")
        name = value.get("class") if isinstance(value, dict) else None
        if not isinstance(name, str):
            raise ValueError(f"{source} is damaged: it has no estimator with a class")
        if name not in {base.__name__ for base in cls.__mro__ if issubclass(base, JSONMixin)}:
            raise ValueError(
                f"{source} holds a {name}, not a {cls.__name__}: use {name}.from_json to read it"
            )
        try:
            loaded: Self = decode_estimator(value, cls, cls.__name__)
        except (ValueError, RecursionError) as error:
            raise ValueError(
                f"{source} is damaged, or cannot be read by skgmm {__version__} (it was written by "
                f"{content.get('skgmm_version')}): {error}"
            ) from error
        return loaded


def _read(text_or_path: Any) -> tuple[str, str]:
    """The text, and what to call it in an error."""
    if isinstance(text_or_path, str):
        start = text_or_path.lstrip("\ufeff \t\r\n")[:1]
        if start in ("", "{", "[") or "\n" in text_or_path:
            return text_or_path.lstrip("\ufeff"), "The text"
    elif not isinstance(text_or_path, os.PathLike):
        raise TypeError(
            "text_or_path should be the text as str, or the path of a file, but got "
            f"{type(text_or_path).__name__}"
        )
    path = Path(text_or_path)
    try:
        return path.read_text(encoding="utf-8-sig"), f"The file {path}"
    except FileNotFoundError as error:
        message = "No such file, nor is this the text of to_json, which begins with '{'"
        raise FileNotFoundError(errno.ENOENT, message, str(path)) from error
    except UnicodeDecodeError as error:
        raise ValueError(f"The file {path} is not JSON: it is not text in UTF-8") from error


def _parse(text: str, source: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{source} is not JSON, or is not complete: {error}") from error


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not strict JSON")


def _check_header(content: Any, source: str) -> None:
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(
            f"{source} is JSON, but was not written by to_json: it has no 'format': '{FORMAT}'"
        )
    version = content.get("format_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise ValueError(f"{source} has the format version {version!r}, which is none")
    if version > FORMAT_VERSION:
        raise ValueError(
            f"{source} was written by skgmm {content.get('skgmm_version')} in version {version} of "
            f"the format, but skgmm {__version__} reads versions up to {FORMAT_VERSION}: update "
            "skgmm"
        )
