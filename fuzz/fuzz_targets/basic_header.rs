//! See `gatehouse_fuzz::basic_header`.
#![no_main]

libfuzzer_sys::fuzz_target!(|raw: &[u8]| gatehouse_fuzz::basic_header(raw));
