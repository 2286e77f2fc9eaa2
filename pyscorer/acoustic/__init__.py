"""The torch engine: features, GMM alignment, TDNN-F with LF-MMI, embeddings."""
