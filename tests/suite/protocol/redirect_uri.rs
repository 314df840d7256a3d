//! Redirect URIs: what may be registered, what matches, and how they are shown and extended.

use gatehouse::protocol::redirect_uri::{MAX_LENGTH, csp_source, display_host, is_local, matches, validate, with_query};
use proptest::prelude::*;

#[test]
fn what_may_be_registered() {
    for uri in [
        "https://app.example/cb",
        "https://app.example",
        "https://app.example:8443/cb?tenant=1",
        "https://xn--bcher-kva.example/cb",
        "https://[2001:db8::1]/cb",
        "https://app.example/a%2Fb/..%2f",
        "http://127.0.0.1/cb",
        "http://127.0.0.1:49152/cb",
        "http://[::1]:3000/cb",
        "http://localhost/cb",
        "com.example.app:/oauth2redirect",
        "cursor://anysphere.cursor-retrieval/oauth/callback",
        "vscode://vscode.github-authentication/did-authenticate",
    ] {
        assert_eq!(validate(uri), Ok(()), "{uri}");
    }
}

/// The beginning of each sentence names the reason, so that no test passes for a wrong one.
#[test]
fn what_may_not_be_registered_and_why() {
    for (uri, reason) in [
        ("", "not an absolute URI"),
        ("/cb", "not an absolute URI"),
        ("app.example/cb", "not an absolute URI"),
        ("//app.example/cb", "not an absolute URI"),
        ("https://", "not an absolute URI"),
        ("https://app.example:65536/cb", "not an absolute URI"),
        ("https://app.example:-1/cb", "not an absolute URI"),
        ("https://app.example:+80/cb", "not an absolute URI"),
        ("https://xn--/cb", "not an absolute URI"),
        ("https://app.example/cb#", "a redirect URI has no fragment"),
        ("https://app.example/cb#top", "a redirect URI has no fragment"),
        ("com.example.app:/cb#x", "a redirect URI has no fragment"),
        ("https://user@app.example/cb", "a redirect URI carries no user name"),
        ("https://user:pw@app.example/cb", "a redirect URI carries no user name"),
        ("https://:pw@app.example/cb", "a redirect URI carries no user name"),
        ("https://@app.example/cb", "a redirect URI carries no user name"),
        ("https://:@app.example/cb", "a redirect URI carries no user name"),
        ("http://127.0.0.1@evil.example/cb", "a redirect URI carries no user name"),
        ("http://localhost:80@evil.example/cb", "a redirect URI carries no user name"),
        ("http://app.example/cb", "http is only allowed"),
        ("http://localhost.evil.example/cb", "http is only allowed"),
        ("http://127.0.0.1.evil.example/cb", "http is only allowed"),
        ("http://evil.example/127.0.0.1", "http is only allowed"),
        ("http://0.0.0.0/cb", "http is only allowed"),
        ("http://[::]/cb", "http is only allowed"),
        ("http://[::ffff:127.0.0.1]/cb", "http is only allowed"),
        ("http://localhost./cb", "http is only allowed"),
        ("https://app.example\\@evil.example/cb", "contains a space"),
        ("https:\\\\evil.example/cb", "contains a space"),
        ("https://app.example/c b", "contains a space"),
        (" https://app.example/cb", "contains a space"),
        ("https://app.example/cb\r\nSet-Cookie: a=b", "contains a space"),
        ("https://app.example/\u{0}", "contains a space"),
        ("https://bücher.example/cb", "contains a space"),
        ("https://*.app.example/cb", "contains a space"),
        ("https://app.example/\"><script>", "contains a space"),
        ("https:app.example/cb", "write two slashes"),
        ("https:/app.example/cb", "write two slashes"),
        ("https:///app.example/cb", "write two slashes"),
        ("http:127.0.0.1/cb", "write two slashes"),
        ("javascript:alert(1)", "the scheme javascript: is not allowed"),
        ("JavaScript:alert(1)", "the scheme javascript: is not allowed"),
        ("data:text/html,hi", "the scheme data: is not allowed"),
        ("file:///etc/passwd", "the scheme file: is not allowed"),
        ("vbscript:x", "the scheme vbscript: is not allowed"),
        ("blob:https://app.example/1", "the scheme blob: is not allowed"),
        ("about:blank", "the scheme about: is not allowed"),
        ("view-source:https://app.example", "the scheme view-source: is not allowed"),
        ("ftp://app.example/cb", "the scheme ftp: is not allowed"),
        ("wss://app.example/cb", "the scheme wss: is not allowed"),
        ("localhost:3000/cb", "the scheme localhost: is not allowed"),
        // These open an address of the web, whosever that is.
        ("x-safari-https://evil.example/", "the scheme x-safari-https: is not allowed"),
        ("microsoft-edge:https://evil.example/", "the scheme microsoft-edge: is not allowed"),
        ("googlechromes://evil.example/", "the scheme googlechromes: is not allowed"),
        ("firefox://open-url?url=https://evil.example", "the scheme firefox: is not allowed"),
        ("feed:javascript:alert(1)", "the scheme feed: is not allowed"),
        ("itms-services://?action=x", "the scheme itms-services: is not allowed"),
        ("smb://evil.example/x", "the scheme smb: is not allowed"),
    ] {
        match validate(uri) {
            Ok(()) => panic!("{uri:?} was accepted"),
            Err(problem) => assert!(problem.starts_with(reason), "{uri:?}: {problem}"),
        }
    }
}

#[test]
fn a_redirect_uri_has_a_longest_form() {
    let uri = |length: usize| format!("https://app.example/{}", "x".repeat(length - "https://app.example/".len()));
    assert_eq!(validate(&uri(MAX_LENGTH)), Ok(()));
    assert!(validate(&uri(MAX_LENGTH + 1)).unwrap_err().starts_with("longer than"));
}

/// RFC 8252 §7.3: the port of a loopback host, and nothing else, may differ.
#[test]
fn the_port_of_a_loopback_host_is_free() {
    for (registered, requested) in [
        ("http://127.0.0.1/cb", "http://127.0.0.1:49152/cb"),
        ("http://127.0.0.1:1/cb", "http://127.0.0.1:65535/cb"),
        ("http://127.0.0.1:1/cb", "http://127.0.0.1/cb"),
        ("http://[::1]/cb", "http://[::1]:8080/cb"),
        ("http://localhost:3000/cb", "http://localhost:4000/cb"),
        ("http://localhost", "http://localhost:4000"),
        ("http://127.0.0.1?a=b", "http://127.0.0.1:1?a=b"),
    ] {
        assert!(matches(registered, requested), "{registered} {requested}");
    }
}

#[test]
fn everything_else_matches_byte_by_byte() {
    for (registered, requested) in [
        ("https://app.example/cb", "https://app.example/cb/"),
        ("https://app.example/cb", "https://app.example/CB"),
        ("https://app.example/cb", "https://APP.example/cb"),
        ("https://app.example/cb", "HTTPS://app.example/cb"),
        ("https://app.example/cb", "https://app.example:443/cb"),
        ("https://app.example/cb", "https://app.example/cb?"),
        ("https://app.example/cb", "https://app.example/cb?x=1"),
        ("https://app.example/cb", "https://app.example/cb#x"),
        ("https://app.example/cb", "https://app.example/x/../cb"),
        ("https://app.example/a/b", "https://app.example/a%2Fb"),
        ("https://app.example/a%2fb", "https://app.example/a%2Fb"),
        ("https://app.example/cb", "https://app.example.evil.example/cb"),
        ("https://app.example/cb", "https://evil.example/https://app.example/cb"),
        ("https://app.example:1/cb", "https://app.example:2/cb"),
        ("https://localhost/cb", "https://localhost:2/cb"),
        ("https://xn--bcher-kva.example/cb", "https://bücher.example/cb"),
        ("com.example.app:/cb", "com.example.app:/cb2"),
        ("com.example.app:/cb", "com.example.app:///cb"),
        ("http://127.0.0.1/cb", "http://localhost/cb"),
        ("http://127.0.0.1/cb", "http://[::1]/cb"),
        ("http://127.0.0.1/cb", "https://127.0.0.1:1/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:1/cb/"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:1/cb#x"),
        ("http://127.0.0.2/cb", "http://127.0.0.2:1/cb"),
        ("http://127.0.0.1/cb", "http://127.1:80/cb"),
        ("http://127.0.0.1", "http://127.0.0.1:1/"),
    ] {
        assert!(!matches(registered, requested), "{registered} {requested}");
    }
}

/// What comes after a loopback host is a port or it is another host.
#[test]
fn a_loopback_port_is_no_way_out() {
    for requested in [
        "http://127.0.0.1:65536/cb",
        "http://127.0.0.1:99999999999999999999/cb",
        "http://127.0.0.1:/cb",
        "http://127.0.0.1:+80/cb",
        "http://127.0.0.1:-1/cb",
        "http://127.0.0.1: 80/cb",
        "http://127.0.0.1:0x50/cb",
        "http://127.0.0.1:８０/cb",
        "http://127.0.0.1:80:80/cb",
        "http://127.0.0.1@evil.example/cb",
        "http://127.0.0.1:80@evil.example/cb",
        "http://127.0.0.1:@evil.example/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://127.0.0.1:80.evil.example/cb",
        "http://127.0.0.1:80\\@evil.example/cb",
        "http://127.0.0.1:80#@evil.example/cb",
        "http://127.0.0.1:80%2f@evil.example/cb",
        "http://evil.example#127.0.0.1/cb",
        "http:\\\\127.0.0.1:80/cb",
        "http:127.0.0.1:80/cb",
    ] {
        assert!(!matches("http://127.0.0.1/cb", requested), "{requested}");
    }
    assert!(!matches("http://localhost/cb", "http://localhost.evil.example/cb"));
    assert!(!matches("http://localhost/cb", "http://localhostile/cb"));
    assert!(!matches("http://[::1]/cb", "http://[::1].evil.example/cb"));
}

#[test]
fn the_host_that_people_see() {
    for (uri, host) in [
        ("https://app.example/cb", "app.example"),
        ("https://app.example:443/cb", "app.example"),
        ("https://app.example:8443/cb", "app.example:8443"),
        ("http://127.0.0.1:3000/cb", "127.0.0.1:3000"),
        ("com.example.app:/cb", "com.example.app:"),
        ("cursor://evil.example/cb", "cursor:"),
        ("not a uri", ""),
    ] {
        assert_eq!(display_host(uri), host, "{uri}");
    }
}

#[test]
fn where_an_answer_stays_on_the_device() {
    assert!(is_local("http://127.0.0.1:1/cb") && is_local("http://[::1]/") && is_local("com.example.app:/cb"));
    assert!(!is_local("https://app.example/cb") && !is_local("http://localhost.evil.example/") && !is_local("nonsense"));
}

#[test]
fn a_content_security_policy_names_an_origin_or_a_scheme() {
    assert_eq!(
        csp_source("https://app.example/cb;script-src *").as_deref(),
        Some("https://app.example")
    );
    assert_eq!(csp_source("http://127.0.0.1:8080/cb").as_deref(), Some("http://127.0.0.1:8080"));
    assert_eq!(csp_source("com.example.app:/cb").as_deref(), Some("com.example.app:"));
    assert_eq!(csp_source("nonsense"), None);
    // Such a host would begin another directive, or another policy.
    assert_eq!(csp_source("https://evil.example;sandbox/cb").as_deref(), Some("https:"));
    assert_eq!(csp_source("https://evil,sandbox/cb").as_deref(), Some("https:"));
}

/// RFC 6749 §3.1.2: a query component must be retained when parameters are added.
#[test]
fn parameters_are_added_to_what_is_there() {
    let added = [("code", "a b&c"), ("state", "ä")];
    for (uri, expected) in [
        ("https://a/cb", "https://a/cb?code=a+b%26c&state=%C3%A4"),
        ("https://a/cb?x=1", "https://a/cb?x=1&code=a+b%26c&state=%C3%A4"),
        ("https://a/cb?", "https://a/cb?code=a+b%26c&state=%C3%A4"),
        ("https://a/cb?x=1&", "https://a/cb?x=1&code=a+b%26c&state=%C3%A4"),
        ("com.example:/cb", "com.example:/cb?code=a+b%26c&state=%C3%A4"),
    ] {
        assert_eq!(with_query(uri, &added), expected, "{uri}");
    }
}

/// Texts that look like redirect URIs more often than chance would have it.
fn near_uri() -> impl Strategy<Value = String> {
    let scheme = prop_oneof![
        Just("http://".to_owned()),
        Just("https://".to_owned()),
        "https?:/{0,3}",
        "[a-z.]{1,8}:/?"
    ];
    let host = prop_oneof![
        Just("127.0.0.1".to_owned()),
        Just("localhost".to_owned()),
        Just("[::1]".to_owned()),
        "[a-z0-9.@:\\\\#%-]{0,20}"
    ];
    (scheme, host, "(:[0-9+@a-z.]{0,5})?", "(/[?#a-z%2f\\\\@.]{0,8})?")
        .prop_map(|(scheme, host, port, tail)| format!("{scheme}{host}{port}{tail}"))
}

/// A URI that may be registered, and one made from it by putting something between its parts.
fn registered_and_near() -> impl Strategy<Value = (String, String)> {
    let hosts = proptest::sample::select(vec![
        "http://127.0.0.1",
        "http://localhost",
        "http://[::1]",
        "https://app.example",
        "com.example.app:",
    ]);
    (
        hosts,
        "(:[1-9][0-9]{0,3})?",
        "/[a-z]{0,3}(\\?[a-z]=[a-z])?",
        ":?[0-9+@a-z.#\\\\/%]{0,6}",
    )
        .prop_map(|(host, port, tail, between)| {
            let port = if host.starts_with("http") { port } else { String::new() };
            (format!("{host}{port}{tail}"), format!("{host}{between}{tail}"))
        })
}

proptest! {
    #[test]
    fn any_text_is_judged_without_panic(left in any::<String>(), right in any::<String>()) {
        let _ = (validate(&left), matches(&left, &right), display_host(&left), is_local(&left), csp_source(&left));
        prop_assert!(matches(&left, &left));
    }

    /// Whatever matches a registered URI leads a browser to the same host, path and query.
    #[test]
    fn a_match_leads_nowhere_else((registered, requested) in registered_and_near()) {
        prop_assert_eq!(validate(&registered), Ok(()));
        if matches(&registered, &requested) && registered != requested {
            prop_assert_eq!(validate(&requested), Ok(()));
            let (mut left, mut right) = (url::Url::parse(&registered).unwrap(), url::Url::parse(&requested).unwrap());
            prop_assert!(left.set_port(None).is_ok() && right.set_port(None).is_ok());
            prop_assert_eq!(left, right);
        }
    }

    /// The same for URIs that do differ in the port only.
    #[test]
    fn only_the_port_of_a_loopback_host_may_differ(port in "[0-9+ :@a-z.-]{0,6}", tail in "(/[a-z%@]{0,5})?") {
        let (registered, requested) = (format!("http://localhost{tail}"), format!("http://localhost:{port}{tail}"));
        let is_port = port.parse::<u16>().is_ok() && port.bytes().all(|byte| byte.is_ascii_digit());
        prop_assert_eq!(matches(&registered, &requested), is_port, "{}", requested);
    }

    #[test]
    fn what_is_registered_can_stand_in_a_header(uri in near_uri()) {
        if validate(&uri).is_ok() {
            prop_assert!(uri.bytes().all(|byte| byte.is_ascii_graphic()));
            let url = url::Url::parse(&uri).unwrap();
            prop_assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none());
            prop_assert!(url.scheme() != "http" || is_local(&uri));
        }
    }

    #[test]
    fn added_parameters_can_be_read_back(state in "[^\0]{1,40}", query in "(\\?[a-z]=[a-z]?)?") {
        let location = with_query(&format!("https://a/cb{query}"), &[("state", &state)]);
        let url = url::Url::parse(&location).unwrap();
        let last = url.query_pairs().last().unwrap();
        prop_assert_eq!((last.0.as_ref(), last.1.as_ref()), ("state", state.as_str()));
    }
}
