"""Benchmark: time and memory of the sampler beside other implementations of the same work."""
