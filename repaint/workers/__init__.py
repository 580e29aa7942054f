"""Devices, and the processes of one run."""
