//! A client metadata document at its URL: the URL up to the first line break, then the JSON.
#![no_main]

use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::client_document::{ClientDocument, DocumentUrl};
use gatehouse::protocol::redirect_uri;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|raw: &[u8]| {
    let mut halves = raw.splitn(2, |byte| *byte == b'\n');
    let Some(url) = halves.next().and_then(|url| std::str::from_utf8(url).ok()) else { return };
    let Ok(url) = DocumentUrl::parse(url, false) else { return };
    assert!(url.as_str().starts_with("https://") && !url.as_str().contains('#'));
    let Ok(document) = ClientDocument::parse(&url, halves.next().unwrap_or_default()) else { return };
    assert!(!document.redirect_uris.is_empty() && !document.grant_types.is_empty());
    assert!(document.redirect_uris.iter().all(|uri| redirect_uri::validate(uri).is_ok()));
    assert!(!document.auth_method.needs_secret());
    assert!(document.auth_method != AuthMethod::PrivateKeyJwt || document.jwks.is_some() || document.jwks_uri.is_some());
});
