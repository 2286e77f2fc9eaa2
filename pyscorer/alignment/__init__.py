"""MFCC, the monophone GMM, and alignments by it."""
