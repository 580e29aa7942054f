"""Theory: exact laws of the sampler for Gaussian data, and the search for schedules based on them."""
