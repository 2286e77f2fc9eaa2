"""Kaldi's own file formats, and the stages of the kaldi engine."""
