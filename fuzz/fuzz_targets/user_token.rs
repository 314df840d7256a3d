//! See `gatehouse_fuzz::user_token`.
#![no_main]

libfuzzer_sys::fuzz_target!(|raw: &[u8]| gatehouse_fuzz::user_token(raw));
