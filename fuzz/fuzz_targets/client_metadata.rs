//! The metadata of a client that registers itself: what is accepted has a redirect URI and no more of anything than
//! it may.
#![no_main]

use gatehouse::protocol::registration::{ClientMetadata, MAX_REDIRECT_URIS};
use gatehouse::protocol::redirect_uri;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    match ClientMetadata::parse(body) {
        Ok(metadata) => {
            assert!((1..=MAX_REDIRECT_URIS).contains(&metadata.redirect_uris.len()));
            assert!(metadata.redirect_uris.iter().all(|uri| redirect_uri::validate(uri).is_ok()));
            assert!(metadata.jwks.is_none() || metadata.jwks_uri.is_none());
            assert!(metadata.scope.is_none_or(|scope| !scope.is_empty()));
            assert!(metadata.client_name.is_none_or(|name| !name.is_empty() && !name.contains('\0')));
        }
        // The alphabet of `error_description` (RFC 6749 §5.2).
        Err(refusal) => assert!(refusal.description.chars().all(|c| matches!(c, ' '..='!' | '#'..='[' | ']'..='~'))),
    }
});
