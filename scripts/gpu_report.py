"""Measure on a GPU machine all that only a GPU can show: python scripts/gpu_report.py --out log/gpu_report"""

from repaint.commands.launch import script

main = script("gpu_report")

if __name__ == "__main__":
    raise SystemExit(main())
