#!/usr/bin/env bash
# Makes the models of this example: three experts and a router, all from nothing.
#
#   examples/fashion-mnist/train.sh DATA OUT    # DATA: folder of the IDX files; OUT: folder for runs
#
# About half an hour on two cores. Stopped, it goes on when it is started again. The ONNX files are left in
# OUT: copy them here to ship them. It needs `cargo xtask torch`.
set -euo pipefail
data=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
here=$(dirname "$(realpath "$0")")
target=$(realpath "${CARGO_TARGET_DIR:-$here/../../target}")
export DRS_PLUGIN_PATH=$target/release
drs() { "$target/release/drs" "$@"; }
cd "$out"

# The experts run in bf16 here, to draw labels sooner.
printf '[input]\nshape = [1, 28, 28]\nquantum = "1/255"\n' >pool.toml
for expert in s025=0.25 s050=0.5 s100=1.0; do
    name=${expert%=*}
    drs train expert "$here/expert.toml" --set "data.path=$data" --set "sigma=${expert#*=}" --out "$name"
    drs train export "$name/model.safetensors" --out "$name.onnx"
    printf '\n[[expert]]\nname = "%s"\nplugin = "torch"\n' "$name" >>pool.toml
    printf 'config = { kind = "checkpoint", model = "%s/model.safetensors", dtype = "bf16" }\n' "$name" >>pool.toml
done
drs train label --experts pool.toml --data "$data" --skip 3 --seed 7 --out labels
drs train router "$here/router.toml" --set "labels=$out/labels" --out router
drs train export router/model.safetensors --out router.onnx
