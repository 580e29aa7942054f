"""Pictures and masks, on disk and in memory."""
