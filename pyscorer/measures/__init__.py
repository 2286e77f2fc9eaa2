"""Measures of pronunciation: one row a phone."""
