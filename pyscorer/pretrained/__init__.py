"""Pretrained speech encoders as sources of deep features."""

import os

# oneDNN keeps a kernel for each length of recording that it meets, a thousand of them by default:
# gigabytes for a corpus. Read when it is first used.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "32")
