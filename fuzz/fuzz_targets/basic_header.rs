//! `Authorization: Basic` with anything in it, and anything as a header.
#![no_main]

use gatehouse::base::encoding::base64url;
use gatehouse::protocol::client_authentication::{AuthMethod, ClientCredentials};
use gatehouse::protocol::parameters::Parameters;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|raw: &[u8]| {
    let body = Parameters::default();
    if let Ok(header) = std::str::from_utf8(raw) {
        check(ClientCredentials::parse(Some(header), &body).ok());
    }
    // The ordinary alphabet, padded: what the header carries.
    let mut encoded = base64url(raw).replace('-', "+").replace('_', "/");
    encoded.extend(std::iter::repeat_n('=', (4 - encoded.len() % 4) % 4));
    check(ClientCredentials::parse(Some(&format!("Basic {encoded}")), &body).ok());
});

fn check(credentials: Option<ClientCredentials>) {
    if let Some(credentials) = credentials {
        // An empty secret is none (RFC 6749 §2.3.1); nothing in a header makes it any other method.
        let expected = if credentials.secret.is_some() { AuthMethod::ClientSecretBasic } else { AuthMethod::None };
        assert!(credentials.method == expected);
        assert!(!credentials.client_id.is_empty() && !credentials.client_id.contains('\0'));
    }
}
