"""Finding schedules: what a schedule gives follows from the exact law of its output, without a network."""
