#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| drs_fuzz::request_rest(data));
