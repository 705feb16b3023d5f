"""Reports of results: aligned text, HTML and data frames from the same tables."""

from skgmm._inference.report.frame import import_pandas
from skgmm._inference.report.report import Facts, Report, Reported
from skgmm._inference.report.table import Section, Table

__all__ = ["Facts", "Report", "Reported", "Section", "Table", "import_pandas"]
