"""What the rules of `workflow/` ask: which files and options a configuration stands for.

Nothing is read but the configuration; of files and programs only whether they are there.
"""
