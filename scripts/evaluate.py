"""Measure filled pictures against their truth and compare methods: python scripts/evaluate.py --help"""

from repaint.commands.evaluate import main

if __name__ == "__main__":
    raise SystemExit(main())
