//! See `gatehouse_fuzz::sigv4`.
#![no_main]

libfuzzer_sys::fuzz_target!(|raw: &[u8]| gatehouse_fuzz::sigv4(raw));
