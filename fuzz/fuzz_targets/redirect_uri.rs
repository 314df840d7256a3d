//! See `gatehouse_fuzz::redirect_uris`.
#![no_main]

libfuzzer_sys::fuzz_target!(|raw: &[u8]| gatehouse_fuzz::redirect_uris(raw));
