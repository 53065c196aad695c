#!/usr/bin/env bash
# Runs the program on the nodes of a Slurm job, one process per GPU.
#
#   sbatch --nodes=2 --ntasks-per-node=8 --gpus-per-node=8 --cpus-per-task=8 \
#     --time=12:00:00 launch/slurm.sh --flagfile=FILE FLAG...
#
# The job inherits the environment of sbatch: activate the one with the package. The
# --workdir must be on a disk that all nodes share. On nodes without a GPU give
# --ntasks-per-node=1: JAX gives each task of a node one GPU.
#
# A job that is preempted, loses a node or runs out of time is requeued, and the program
# resumes. Exit code 2, invalid input, ends it; so does a defect of the program, and the
# twentieth restart.
#
#SBATCH --job-name=gpt_nas_jax
#SBATCH --output=%x-%j.log
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --signal=TERM@120
set -uo pipefail

if [[ ${1-} == --help || -z ${SLURM_JOB_ID-} ]]; then
  awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"
  [[ ${1-} == --help ]]
  exit
fi

# sbatch runs a copy of this file, so it cannot source launch/shared.sh.
code=0
# Since Slurm 22.05 srun does not take it from the job.
[[ -z ${SLURM_CPUS_PER_TASK-} ]] || export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK
srun python -m gpt_nas_jax.main --executor=hosts "$@" || code=$?
if [[ $code =~ ^(75|129|134|137|143)$ ]] && ((${SLURM_RESTART_COUNT:-0} < 20)); then
  echo "slurm.sh: ended with exit code $code; job $SLURM_JOB_ID is queued again" >&2
  scontrol requeue "$SLURM_JOB_ID" || exit
fi
exit "$code"
