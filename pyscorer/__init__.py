"""Kaldi-integrated pipelines that score second-language speech, reproducibly."""

__version__ = "0.1.0"
