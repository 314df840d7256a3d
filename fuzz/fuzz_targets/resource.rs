//! See `gatehouse_fuzz::resources`.
#![no_main]

libfuzzer_sys::fuzz_target!(|raw: &[u8]| gatehouse_fuzz::resources(raw));
