"""Paper 2 (Papi et al., Interspeech 2020): spoken answers judged by experts and their mixture."""
