"""What the rules of `workflow/` ask: which files and options a configuration stands for.

Nothing is read but the configuration, and whether files of the user's are there.
"""
