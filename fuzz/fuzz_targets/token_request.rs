//! See `gatehouse_fuzz::token_request`.
#![no_main]

libfuzzer_sys::fuzz_target!(|raw: &[u8]| gatehouse_fuzz::token_request(raw));
