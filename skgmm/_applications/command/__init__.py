"""Parts of the `skgmm` command: its input, its output files and its standard streams."""
