//! See `gatehouse_fuzz::scope`.
#![no_main]

libfuzzer_sys::fuzz_target!(|raw: &[u8]| gatehouse_fuzz::scope(raw));
