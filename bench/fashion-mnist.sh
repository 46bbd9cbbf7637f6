#!/usr/bin/env bash
# Certifies 400 Fashion-MNIST test images by every method, under one seed; then the table of
# RESULTS.md, the README's figure and the report that its screenshot shows.
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
drs=$(realpath "${CARGO_TARGET_DIR:-target}/release/drs")
experts=$(realpath examples/fashion-mnist/experts.toml)
run() { # NAME ARGUMENTS…
    local name=$1
    shift
    echo "== $name"
    "$drs" certify --experts "$experts" --data "$data" --skip 25 --n 2000 --sampling fixed --seed 1 \
        --out "$out/$name.tsv" --overwrite "$@"
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

cd "$out"
"$drs" analyze one-s025.tsv one-s050.tsv one-s100.tsv multiscale.tsv dual.jsonl set.jsonl maxmin.jsonl \
    one-s025-two-sided.tsv one-s050-two-sided.tsv one-s100-two-sided.tsv \
    dual-two-sided.jsonl set-two-sided.jsonl | tee analysis.md
"$drs" plot maxmin.tsv "dual (the paper's rule)=dual.tsv" \
    'σ = 0.25=one-s025.tsv' 'σ = 0.5=one-s050.tsv' 'σ = 1=one-s100.tsv' --oracle --out curves.svg
"$drs" report maxmin.jsonl dual.jsonl 'σ = 0.25=one-s025.tsv' 'σ = 0.5=one-s050.tsv' 'σ = 1=one-s100.tsv' \
    --data "$data" --experts "$experts" --title 'Fashion-MNIST, 400 test images' --out report.html \
    --classes 'T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot'
