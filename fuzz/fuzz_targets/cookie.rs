//! See `gatehouse_fuzz::cookie`.
#![no_main]

libfuzzer_sys::fuzz_target!(|raw: &[u8]| gatehouse_fuzz::cookie(raw));
