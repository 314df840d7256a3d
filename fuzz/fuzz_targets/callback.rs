//! See `gatehouse_fuzz::callback`.
#![no_main]

libfuzzer_sys::fuzz_target!(|raw: &[u8]| gatehouse_fuzz::callback(raw));
