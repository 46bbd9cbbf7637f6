#!/usr/bin/env bash
# Makes the models of this pool: three ResNet-20 and a router, all from nothing.
#
#   examples/cifar10/train.sh DATA OUT    # DATA: the ImageFolder, with train and test; OUT: folder for runs
#
# About an hour and a half on two cores. Stopped, it goes on when it is started again. The ONNX files are left in OUT:
# copy them here to ship them. It needs `cargo xtask torch`.
set -euo pipefail
data=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
here=$(dirname "$(realpath "$0")")
target=$(realpath "${CARGO_TARGET_DIR:-$here/../../target}")
export DRS_PLUGIN_PATH=$target/release
# One thread for each run, and the experts side by side: sums do not depend on the number of cores.
export OMP_NUM_THREADS=1
drs() { "$target/release/drs" "$@"; }
cd "$out"

printf '[input]\nshape = [3, 32, 32]\nquantum = "1/255"\n' >pool.toml
runs=()
for expert in s025=0.25 s050=0.5 s100=1.0; do
    name=${expert%=*}
    drs train expert "$here/expert.toml" --set "data.path=$data" --set "sigma=${expert#*=}" --out "$name" &
    runs+=($!)
    printf '\n[[expert]]\nname = "%s"\nplugin = "torch"\n' "$name" >>pool.toml
    printf 'config = { kind = "checkpoint", model = "%s/model.safetensors" }\n' "$name" >>pool.toml
done
for run in "${runs[@]}"; do wait "$run"; done
drs train label --experts pool.toml --data "$data" --skip 20 --seed 7 --out labels
drs train router "$here/router.toml" --set "labels=$out/labels" --set "init=$out/s100/model.safetensors" --out router
for name in s025 s050 s100 router; do
    drs train export "$name/model.safetensors" --half --out "$name.onnx"
done
