#!/usr/bin/env bash
# Experts on CIFAR-10 from nothing, ResNet-110 at σ = 0.25, 0.5 and 1.0, side by side: models for run.sh.
#
#   bench/experiments/cifar10/experts.sh DATA OUT [OPTIONS…]
#
# DATA: the ImageFolder, with train and test. OPTIONS: further ones of `drs train expert`, such as
# `--set train.epochs=10`. For a GPU: DRS_DEVICE=cuda. Stopped, it goes on when it is started again.
set -euo pipefail
data=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
here=$(dirname "$(realpath "$0")")
# shellcheck source=../common.sh
source "$here/../common.sh"
shift 2
cd "$out"

runs=()
for expert in s025=0.25 s050=0.5 s100=1.0; do
    drs train expert "$here/expert.toml" --set "data.path=$data" --set "sigma=${expert#*=}" --set "device=$device" \
        "$@" --out "${expert%=*}" &
    runs+=($!)
done
for run in "${runs[@]}"; do wait "$run"; done
for name in s025 s050 s100; do cp "$name/model.safetensors" "$name.safetensors"; done
