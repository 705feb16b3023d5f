"""Reports of results: aligned text, HTML and data frames from the same tables."""

from skgmm._report.frame import import_pandas
from skgmm._report.report import Facts, Report, Reported
from skgmm._report.table import Section, Table

__all__ = ["Facts", "Report", "Reported", "Section", "Table", "import_pandas"]
