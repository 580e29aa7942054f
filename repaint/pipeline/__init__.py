"""A configuration's network, diffusion process and schedule on a device."""
