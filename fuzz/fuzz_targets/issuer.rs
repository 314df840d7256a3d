//! See `gatehouse_fuzz::issuer`.
#![no_main]

libfuzzer_sys::fuzz_target!(|raw: &[u8]| gatehouse_fuzz::issuer(raw));
