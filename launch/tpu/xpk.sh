#!/usr/bin/env bash
# Runs the program on a TPU slice in a GKE cluster, with xpk.
#
#   launch/tpu/xpk.sh --name=NAME --project=PROJECT --zone=ZONE --type=TYPE
#     [OPTION...] -- FLAG...
#
# Does what launch/tpu/queued.sh does, in its own cluster: GKE recreates a preempted slice
# and restarts the program. Cluster and workload are called NAME.
#
#   --type=v6e-16        TPU type as xpk calls it
#   --spot               cheaper, may be preempted at any time
#   --image=python:3.11  what the checkout is put into
#   --extras=tpu,gcs     of the package
#   --restarts=20        of the program, at most
#   --poll=30            seconds between two checks of the program
#   --keep               does not delete the cluster at the end
#
# Needs xpk (pip install xpk), kubectl, and gcloud, signed in.
set -uo pipefail
# shellcheck source=launch/shared.sh
source "$(dirname "$0")/../shared.sh"

name='' project='' zone='' type='' spot='' image=python:3.11 extras=tpu,gcs
options 'name project zone type image extras' spot "$@"
need name project zone type
capacity=--on-demand
[[ -z $spot ]] || capacity=--spot
every=(--project="$project" --zone="$zone" --cluster="$name")
pods=jobset.sigs.k8s.io/jobset-name=$name

state() {
  local found
  found=$(gcloud container clusters list --project="$project" --quiet \
    --filter="name=$name" --format='value(status)') || return 1
  case $found in
    '') echo none ;;
    RUNNING)
      found=$(queue) || return 1
      # Where a node pool could not be made, for want of TPUs for example, xpk ends before.
      if [[ $found ]]; then echo ready; else echo lost; fi
      ;;
    ERROR) echo lost ;;
    *) echo waiting ;;
  esac
}

# queue: prints the queue for workloads, which xpk makes last; nothing if there is none.
queue() {
  local found
  gcloud container clusters get-credentials "$name" --project="$project" \
    --location="${zone%-*}" --quiet >&2 || return 1
  # Asking for a resource of an unknown kind fails as if there was no answer.
  found=$(kubectl get crd jobsets.jobset.x-k8s.io localqueues.kueue.x-k8s.io \
    --ignore-not-found --output=name) || return 1
  (($(wc -l <<<"$found") == 2)) || return 0
  kubectl get localqueues.kueue.x-k8s.io multislice-queue --ignore-not-found \
    --output=name || return 1
}

create() {
  xpk cluster create "${every[@]}" --tpu-type="$type" --num-slices=1 "$capacity"
}

remove() { xpk cluster delete "${every[@]}" --force; }

# submitted: prints the job and how it ended, or nothing if there is none.
submitted() {
  kubectl get jobset "$name" --ignore-not-found \
    --output=jsonpath='{.metadata.name} {.status.terminalState}'
}

# submit JOB: starts the program, unless it runs already.
# shellcheck disable=SC2329 # called by `attached`
submit() {
  case $1 in
    "$name ") return ;;
    "$name "*) kubectl delete jobset "$name" || return ;;
  esac
  mkdir -p "$packed/checkout" &&
    tar --extract --gzip --file "$packed/$name.tgz" --directory "$packed/checkout" ||
    return
  local install="pip install --quiet --constraint=requirements.txt '.[$extras]'"
  local program="python -m gpt_nas_jax.main --executor=hosts ${flags[*]@Q}"
  # GKE also restarts after an exit code above 126. SIGTERM reaches only the process that
  # xpk has started.
  xpk workload create "${every[@]}" --workload="$name" --tpu-type="$type" \
    --num-slices=1 --base-docker-image="$image" --script-dir="$packed/checkout" \
    --max-restarts="$starts" --restart-on-exit-codes=75 \
    --command="$install && exec $program"
}

run() {
  local found codes since=() failed=0
  # No answer does not mean that no program runs.
  until found=$(submitted); do
    ((++failed < asks)) || give_up
    pause
  done
  failed=0
  attached submit "$found" || return 1
  while ((failed < asks)); do
    # Of the first host: the others print nothing.
    attached kubectl logs --follow "${since[@]}" \
      --selector="$pods,batch.kubernetes.io/job-completion-index=0"
    since=(--since="$((poll + 1))s")
    found=$(kubectl get jobset "$name" \
      --output=jsonpath='{.metadata.name} {.status.terminalState}') ||
      found=''
    case $found in
      '') failed=$((failed + 1)) ;;
      *' Completed') return 0 ;;
      *' Failed')
        codes=$(kubectl get pods --selector="$pods" --output=jsonpath="$exit_codes")
        [[ $codes =~ [1-9][0-9]* ]] && return "${BASH_REMATCH[0]}"
        return 1
        ;;
      *) failed=0 ;;
    esac
    pause
  done
  give_up
}

give_up() {
  keep=1
  fail 1 "cannot tell how $name is; it is left as it is"
}

exit_codes='{.items[*].status.containerStatuses[*].state.terminated.exitCode}'
# GKE restarts it.
starts=$restarts restarts=0
pack
launch
