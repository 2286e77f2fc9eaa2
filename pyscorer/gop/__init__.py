"""Goodness of pronunciation, and the baselines built on it."""
