//! See `gatehouse_fuzz::token_exchange`.
#![no_main]

libfuzzer_sys::fuzz_target!(|raw: &[u8]| gatehouse_fuzz::token_exchange(raw));
