"""Exact laws of the sampler for normal data, and the search for schedules by them."""
