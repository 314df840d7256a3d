//! See `gatehouse_fuzz::tokens`.
#![no_main]

libfuzzer_sys::fuzz_target!(|raw: &[u8]| gatehouse_fuzz::tokens(raw));
