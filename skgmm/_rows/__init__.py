"""The data side: samples in memory, in files or in Dask, and the E-step."""
