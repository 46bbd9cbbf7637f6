#!/usr/bin/env bash
# Runs every fuzz target for a while, all at once, each with one job.
#
#   fuzz/run.sh SECONDS [OUT]   # OUT: where grown corpora and logs go, target/fuzz by default
#
# It needs `cargo install cargo-fuzz`, and no nightly toolchain: safe Rust needs no sanitizer, so
# what is found is panics, overflows, hangs and memory without bounds.
set -euo pipefail
seconds=$1
cd "$(dirname "$0")"
out=$(realpath -m "${2:-target/fuzz}")
cargo fuzz build -s none
mkdir -p "$out"
for target in $(cargo fuzz list); do
    mkdir -p "$out/$target"
    cargo fuzz run -s none "$target" "$out/$target" "corpus/$target" -- -max_total_time="$seconds" -timeout=60 \
        -rss_limit_mb=1024 -print_final_stats=1 >"$out/$target.log" 2>&1 &
done
failed=0
for job in $(jobs -p); do wait "$job" || failed=1; done
grep -H 'stat::number_of_executed_units\|^SUMMARY' "$out"/*.log || true
exit $failed
