"""Tables as pandas data frames. pandas is optional."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from skgmm._inference.report.table import Table

if TYPE_CHECKING:
    import pandas as pd


def import_pandas() -> Any:
    """The module pandas, for `to_frame`.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            "to_frame needs pandas, which is not installed: pip install pandas"
        ) from error
    return pd


def table_frame(table: Table) -> pd.DataFrame:
    """All lines and columns, also those that are not shown."""
    pd = import_pandas()
    titled = any(section.title for section in table.sections)
    keys: list[Any] = [
        (section.title, label) if titled else label
        for section in table.sections
        for label in section.labels
    ]
    if titled:
        index = pd.MultiIndex.from_tuples(keys, names=table.index)
    else:
        index = pd.Index(keys, name=table.index[1])
    cells = [line for section in table.sections for line in section.cells]
    return pd.DataFrame(
        cells, index=index, columns=pd.Index(table.columns, name=table.across or None)
    )
