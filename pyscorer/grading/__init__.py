"""Phones, words and utterances graded in one model."""
