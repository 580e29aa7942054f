"""Conditioning methods: reverse steps that know the known part, one module each.

RePaint and plain replacement need none of them: the sampler merges the known part before each reverse step.
"""
