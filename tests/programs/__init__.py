"""Programs too long for the suite: python -m tests.programs.fuzz, python -m tests.programs.memory."""
