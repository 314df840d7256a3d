//! A client assertion: a header up to the first line break, then the claims; and the same bytes as they are.
#![no_main]

use gatehouse::base::encoding::base64url;
use gatehouse::protocol::client_assertion::ClientAssertion;
use gatehouse::protocol::jwks::KeySet;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|raw: &[u8]| {
    let mut halves = raw.splitn(2, |byte| *byte == b'\n');
    let (header, claims) = (halves.next().unwrap_or_default(), halves.next().unwrap_or_default());
    let jwt = format!("{}.{}.c2ln", base64url(header), base64url(claims));
    let texts = [Some(jwt.as_str()), std::str::from_utf8(raw).ok()];
    for assertion in texts.into_iter().flatten().filter_map(|text| ClientAssertion::parse(text).ok()) {
        assert!(assertion.claims.iss == assertion.claims.sub && !assertion.claims.jti.is_empty());
        assert!(assertion.method().is_assertion());
        assert!(assertion.judge(&[], 1_800_000_000).is_err(), "for nobody");
        let _ = assertion.judge(&["https://as.example".to_owned()], 1_800_000_000);
    }
    let _ = KeySet::parse(raw);
});
