#!/usr/bin/env bash
# Inpaint a folder on several nodes of a SLURM cluster: sbatch examples/slurm.sh confs/face_example.yml
# Submit it again after a time limit or a failure: finished pictures are skipped.
#SBATCH --job-name=repaint
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=32
#SBATCH --time=24:00:00
set -euo pipefail

conf=${1:?usage: sbatch examples/slurm.sh CONFIGURATION [options of test.py]}
shift
first_node=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)

srun torchrun \
    --nnodes="$SLURM_JOB_NUM_NODES" \
    --nproc_per_node="$SLURM_GPUS_ON_NODE" \
    --rdzv_backend=c10d \
    --rdzv_id="$SLURM_JOB_ID" \
    --rdzv_endpoint="$first_node:29500" \
    --max-restarts=3 \
    test.py --conf_path "$conf" "$@"
