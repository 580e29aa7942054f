"""Devices, process settings, and the workers that `torchrun` starts for one run."""
