"""What passes between stages: Kaldi files and plain tables (docs/contract.md)."""
