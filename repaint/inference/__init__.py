"""A run of the command line: inputs, batches, results, resume."""
