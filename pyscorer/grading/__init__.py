"""Phones, words and utterances graded in one model, and what a learner can be told of it."""
