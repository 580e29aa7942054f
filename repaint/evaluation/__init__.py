"""Judging results: measures against the truth, classical methods beside them, distances between sets of pictures."""
