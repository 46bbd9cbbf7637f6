#!/usr/bin/env bash
# Certifies 400 Fashion-MNIST test images by every method, under one seed.
#
#   bench/fashion-mnist.sh DATA OUT     # DATA: folder of the IDX files; OUT: folder for results
#
# Methods share votes: noise is addressed by model and stage, not by method.
set -euo pipefail
data=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
cd "$(dirname "$0")/.."
cargo xtask build
run() { # NAME ARGUMENTS…
    local name=$1
    shift
    echo "== $name"
    "${CARGO_TARGET_DIR:-target}/release/drs" certify --experts examples/fashion-mnist/experts.toml \
        --data "$data" --skip 25 --n 2000 --sampling fixed --seed 1 --out "$out/$name.tsv" --overwrite "$@"
}
for name in s025 s050 s100; do
    run "one-$name" --method "one:$name"
    run "one-$name-two-sided" --method "one:$name" --two-sided
done
for method in dual set maxmin multiscale; do
    run "$method" --method "$method"
done
for method in dual set; do
    run "$method-two-sided" --method "$method" --two-sided
done
