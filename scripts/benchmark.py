"""Time the sampler beside the published way: python scripts/benchmark.py --model faces64 --batch 1 8"""

from repaint.commands.launch import script

main = script("benchmark")

if __name__ == "__main__":
    raise SystemExit(main())
