//! See `gatehouse_fuzz::declaration`.
#![no_main]

libfuzzer_sys::fuzz_target!(|raw: &[u8]| gatehouse_fuzz::declaration(raw));
