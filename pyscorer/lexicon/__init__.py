"""Words and their pronunciations: the lexicon's, or espeak-ng's reading of the spelling."""
