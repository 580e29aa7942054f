"""Search a schedule of a given cost: python scripts/design_schedule.py --calls 240 --out my_schedule.yml"""

from repaint.commands.schedule_design import main

if __name__ == "__main__":
    raise SystemExit(main())
