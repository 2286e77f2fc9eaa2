"""Pretrained speech encoders as sources of deep features."""
