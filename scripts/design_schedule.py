"""Search a schedule of a given cost: python scripts/design_schedule.py --calls 240 --out my_schedule.yml"""

from repaint.commands.launch import script

main = script("schedule_design")

if __name__ == "__main__":
    raise SystemExit(main())
