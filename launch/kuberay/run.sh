#!/usr/bin/env bash
# Runs the program on a Ray cluster in Kubernetes, with KubeRay.
#
#   launch/kuberay/run.sh --name=NAME --image=IMAGE [OPTION...] -- FLAG...
#
# Submits launch/kuberay/job.yaml, which creates a cluster and runs
# python -m gpt_nas_jax.main --executor=ray FLAG... on its head, shows the log, and
# deletes both when the program has ended. Lost workers are replaced, and the program
# sends their candidates to others. If the head is lost, everything is recreated, and the
# program resumes from its --workdir: give one in a bucket, and --stage=search, as the
# retraining needs a disk that all pods share. A running job of this name is followed.
# Exits with the program's exit code.
#
#   --image=IMAGE              with Ray and this package: see launch/kuberay/Dockerfile
#   --build=ray,gcs,cuda       builds and pushes it first, with these extras
#   --workers=4                pods
#   --cpus=8 --memory=32Gi     of each
#   --resource=nvidia.com/gpu=1
#                              of each; google.com/tpu=4 for a TPU host
#   --select=KEY=VALUE,...     nodes of the workers: for a TPU host
#                              cloud.google.com/gke-tpu-accelerator=tpu-v6e-slice,
#                              cloud.google.com/gke-tpu-topology=2x2; for spot nodes of
#                              GKE cloud.google.com/gke-spot=true
#   --restarts=20              of the program, at most
#   --poll=30                  seconds between two checks of the job
#   --keep                     does not delete the job at the end
#
# Needs kubectl, with a cluster that has the KubeRay operator, and docker for --build.
set -uo pipefail
# shellcheck source=launch/shared.sh
source "$(dirname "$0")/../shared.sh"

name='' image='' build='' workers=4 cpus=8 memory=32Gi resource='' select=''
options 'name image build workers cpus memory resource select' '' "$@"
need name image

# fill: the manifest.
fill() {
  local text nodes='' more=''
  text=$(<"$(dirname "$0")/job.yaml") || return
  # In YAML 1 and true are no strings.
  [[ -z $select ]] || nodes=$(sed -E 's/([^=,]+)=([^,]+)/\1: "\2"/g' <<<"$select")
  [[ -z $resource ]] || more=", ${resource%=*}: \"${resource##*=}\""
  text=${text//@name@/"$name"} text=${text//@image@/"$image"}
  text=${text//@workers@/"$workers"} text=${text//@cpus@/"$cpus"}
  text=${text//@memory@/"$memory"} text=${text//@more@/"$more"}
  text=${text//@nodes@/"$nodes"}
  echo "${text//@command@/"python -m gpt_nas_jax.main --executor=ray ${flags[*]@Q}"}"
}

# status: name, state of the cluster, state of the program, and what there is to say.
status() {
  local paths='{.metadata.name} {.status.jobDeploymentStatus}/{.status.jobStatus}'
  kubectl get rayjob "$name" --ignore-not-found \
    --output=jsonpath="$paths {.status.message}"
}

state() {
  local found
  found=$(status) || return 1
  case $found in
    '') echo none ;;
    "$name Complete/"* | "$name Failed/"*) echo lost ;;
    *) echo ready ;;
  esac
}

create() { fill | kubectl create --filename=-; }

remove() { kubectl delete rayjob "$name" --ignore-not-found; }

run() {
  local found since=() failed=0
  while ((failed < asks)); do
    # The pod that submits the program shows its log.
    attached kubectl logs --follow "${since[@]}" "job/$name"
    since=(--since="$((poll + 1))s")
    found=$(status) || found=unknown
    case $found in
      unknown) failed=$((failed + 1)) ;;
      "$name Complete/SUCCEEDED "*) return 0 ;;
      "$name Complete/"* | "$name Failed/"*)
        [[ $found =~ exit\ code\ ([0-9]+) ]] && return "${BASH_REMATCH[1]}"
        # Not an exit of the program: the head was lost.
        return 255
        ;;
      '') return 255 ;;
      *) failed=0 ;;
    esac
    pause
  done
  keep=1
  fail 1 "cannot tell how $name is; it is left as it is"
}

if [[ $build ]]; then
  pack
  docker build --file=launch/kuberay/Dockerfile --build-arg="EXTRAS=$build" \
    --tag="$image" - <"$packed/$name.tgz" || fail 1 "cannot build $image"
  docker push "$image" || fail 1 "cannot push $image"
fi
launch
