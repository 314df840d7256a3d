//! See `gatehouse_fuzz::parameters`.
#![no_main]

libfuzzer_sys::fuzz_target!(|raw: &[u8]| gatehouse_fuzz::parameters(raw));
