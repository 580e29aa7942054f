"""Measure filled pictures against their truth and compare methods: python scripts/evaluate.py --help"""

from repaint.commands.launch import script

main = script("evaluate")

if __name__ == "__main__":
    raise SystemExit(main())
