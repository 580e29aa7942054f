"""What the schedule search's `--help` lists beside the kinds of masks, without a library."""

SHORT_NAMES = {"half": "genhalf"}
