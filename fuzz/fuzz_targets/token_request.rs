//! The token request with the client that sends it: a header up to the first line break, then a body.
#![no_main]

use gatehouse::protocol::client_authentication::{AuthMethod, ClientCredentials};
use gatehouse::protocol::parameters::Parameters;
use gatehouse::protocol::token_request::TokenRequest;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|raw: &[u8]| {
    let mut halves = raw.splitn(2, |byte| *byte == b'\n');
    let header = halves.next().and_then(|header| std::str::from_utf8(header).ok()).filter(|header| !header.is_empty());
    let Ok(body) = Parameters::parse(halves.next().unwrap_or_default()) else { return };
    let _ = TokenRequest::parse(&body);
    if let Ok(credentials) = ClientCredentials::parse(header, &body) {
        assert!(!credentials.client_id.is_empty());
        let sends_secret = matches!(credentials.method, AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost);
        assert!(credentials.secret.is_some() == sends_secret);
        assert!(credentials.assertion.is_some() == credentials.method.is_assertion());
    }
});
