//! Redirect URIs, a registered one and a requested one, separated by a line break.
#![no_main]

use gatehouse::protocol::redirect_uri::{csp_source, display_host, is_local, matches, validate, with_query};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (registered, requested) = text.split_once('\n').unwrap_or((text, text));
    let _ = (display_host(requested), is_local(requested), csp_source(requested), with_query(requested, &[("code", "x")]));
    if validate(registered).is_ok() && matches(registered, requested) {
        assert!(validate(requested).is_ok());
        let host = |uri: &str| display_host(uri).rsplit_once(':').map(|(host, _)| host.to_owned()).unwrap_or(display_host(uri));
        assert!(registered == requested || is_local(requested) && (host(registered) == host(requested) || requested.contains("[::1]")));
    }
});
