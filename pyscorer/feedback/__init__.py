"""What a learner is told about a recording: as text, JSON, TextGrid or a page."""
