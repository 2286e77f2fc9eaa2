"""Speech recognition: language model, decoding graph, decoder, word error rate."""
