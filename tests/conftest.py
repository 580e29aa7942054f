from hypothesis import settings

# Network code is slow on a busy machine: no deadlines. The same examples in every run, so that a failure comes back.
settings.register_profile("repaint", deadline=None, derandomize=True)
settings.load_profile("repaint")
