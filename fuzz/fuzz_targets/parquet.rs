#![no_main]

use std::sync::Once;

static QUIET: Once = Once::new();

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // The parquet crate panics on some damaged files, which the reader makes errors of. The
    // fuzzer's hook would end the program there; what the target lets through still does.
    QUIET.call_once(|| std::panic::set_hook(Box::new(|_| ())));
    drs_fuzz::parquet(data);
});
