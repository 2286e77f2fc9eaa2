"""What of a spoken answer the acoustic experts hear, of a corpus and of one recording."""
