"""Corpus readers: a published corpus in, Kaldi data directories and label tables out."""
