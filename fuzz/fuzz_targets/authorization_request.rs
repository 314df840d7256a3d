//! See `gatehouse_fuzz::authorization_request`.
#![no_main]

libfuzzer_sys::fuzz_target!(|raw: &[u8]| gatehouse_fuzz::authorization_request(raw));
