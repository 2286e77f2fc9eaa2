"""Paper 1 (Lin & Wang, Interspeech 2021): the pronunciation scoring module."""
