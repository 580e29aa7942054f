"""What the commands do once their arguments are parsed: `handle(args)` of each; loaded only then, see `launch`."""
