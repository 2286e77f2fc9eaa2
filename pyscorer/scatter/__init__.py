"""Corpora in parts of whole speakers: dealt out to many jobs, and put together again."""
