"""Draw jump schedules and print their cost: python scripts/plot_schedule.py --t_T 100 --jump_n_sample 5"""

from repaint.commands.launch import script

main = script("schedule_plot")

if __name__ == "__main__":
    raise SystemExit(main())
