"""Fill holes in the browser: python scripts/demo.py"""

from repaint.commands.demo import main

if __name__ == "__main__":
    raise SystemExit(main())
