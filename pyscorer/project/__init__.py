"""A project of one's own, laid down by an installed package."""
