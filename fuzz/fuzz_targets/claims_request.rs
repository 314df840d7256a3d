//! See `gatehouse_fuzz::claims_request`.
#![no_main]

libfuzzer_sys::fuzz_target!(|raw: &[u8]| gatehouse_fuzz::claims_request(raw));
