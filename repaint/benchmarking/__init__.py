"""Timing the sampler beside other ways of doing the same."""
