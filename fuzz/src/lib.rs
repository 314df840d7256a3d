//! What is fuzzed: a function for each reader of what strangers send, and what must be true of whatever it reads.
//!
//! `fuzz_targets/` hands bytes of libFuzzer to them; the tests of the server hand them every file below `corpus/`, on any compiler
//! (`tests/suite/security/corpus.rs`). Each panics when something is not as it should be.

use gatehouse::admin::declaration::tree;
use gatehouse::base::digest::MacKey;
use gatehouse::base::encoding::base64url;
use gatehouse::identity::form_token::BrowserId;
use gatehouse::protocol::authorization_request::{self as request, AuthorizationRequest, ResponseTarget};
use gatehouse::protocol::callback::{ProviderAnswer, State};
use gatehouse::protocol::claims_request::ClaimsRequest;
use gatehouse::protocol::client_assertion::ClientAssertion;
use gatehouse::protocol::client_authentication::{AuthMethod, ClientCredentials};
use gatehouse::protocol::client_document::{ClientDocument, DocumentUrl};
use gatehouse::protocol::issuer::Issuer;
use gatehouse::protocol::jwks::{AssertionAlgorithm, KeySet, MAX_KEYS};
use gatehouse::protocol::parameters::Parameters;
use gatehouse::protocol::redirect_uri;
use gatehouse::protocol::registration::{ClientMetadata, MAX_REDIRECT_URIS};
use gatehouse::protocol::resource;
use gatehouse::protocol::scope::Scope;
use gatehouse::protocol::server_metadata::ServerMetadata;
use gatehouse::protocol::sigv4::{Received, Signature};
use gatehouse::protocol::token_exchange::TokenExchange;
use gatehouse::protocol::token_request::TokenRequest;
use gatehouse::protocol::tokens::{AuthorizationCode, RefreshToken};
use gatehouse::protocol::user_token::{UserIssuer, UserToken};

/// A target: its name, which is that of its file and of its folder in the corpus, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 21] = [
    ("authorization_request", authorization_request),
    ("basic_header", basic_header),
    ("callback", callback),
    ("claims_request", claims_request),
    ("client_assertion", client_assertion),
    ("client_document", client_document),
    ("client_metadata", client_metadata),
    ("cookie", cookie),
    ("declaration", declaration),
    ("issuer", issuer),
    ("jwks", jwks),
    ("parameters", parameters),
    ("redirect_uri", redirect_uris),
    ("resource", resources),
    ("scope", scope),
    ("server_metadata", server_metadata),
    ("sigv4", sigv4),
    ("token_exchange", token_exchange),
    ("token_request", token_request),
    ("tokens", tokens),
    ("user_token", user_token),
];

/// A moment that does not move.
const NOW: i64 = 1_800_000_000;

fn text(raw: &[u8]) -> Option<&str> {
    std::str::from_utf8(raw).ok()
}

/// What stands before the first line break, and what stands behind it.
fn halves(raw: &[u8]) -> (&[u8], &[u8]) {
    match raw.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&raw[..at], &raw[at + 1..]),
        None => (raw, &[]),
    }
}

/// The alphabet of `error_description` (RFC 6749 §5.2).
fn is_speakable(text: &str) -> bool {
    text.chars().all(|c| matches!(c, ' '..='!' | '#'..='[' | ']'..='~'))
}

/// The authorization request: both steps of parsing agree on where the answer goes.
pub fn authorization_request(raw: &[u8]) {
    let Ok(parameters) = Parameters::parse(raw) else { return };
    let _ = request::Target::parse(&parameters);
    let response = ResponseTarget::parse(&parameters);
    match AuthorizationRequest::parse(&parameters) {
        Ok(request) => assert!(request.response == response),
        Err(refusal) => assert!(is_speakable(&refusal.description)),
    }
}

/// `Authorization: Basic` with anything in it, and anything as a header.
pub fn basic_header(raw: &[u8]) {
    let check = |credentials: Option<ClientCredentials>| {
        if let Some(credentials) = credentials {
            // An empty secret is none (RFC 6749 §2.3.1); nothing in a header makes it any other method.
            let expected = if credentials.secret.is_some() {
                AuthMethod::ClientSecretBasic
            } else {
                AuthMethod::None
            };
            assert!(credentials.method == expected);
            assert!(!credentials.client_id.is_empty() && !credentials.client_id.contains('\0'));
        }
    };
    let body = Parameters::default();
    if let Some(header) = text(raw) {
        check(ClientCredentials::parse(Some(header), &body).ok());
    }
    // The ordinary alphabet, padded: what the header carries.
    let mut encoded = base64url(raw).replace('-', "+").replace('_', "/");
    encoded.extend(std::iter::repeat_n('=', (4 - encoded.len() % 4) % 4));
    check(ClientCredentials::parse(Some(&format!("Basic {encoded}")), &body).ok());
}

/// What a provider's redirect brings to the relay: a state that can be looked up, and either a code or an error.
pub fn callback(raw: &[u8]) {
    if let Some(state) = text(raw).and_then(State::received) {
        assert!(!state.as_str().is_empty() && !state.hash().is_empty());
    }
    let Ok(parameters) = Parameters::parse(raw) else { return };
    match ProviderAnswer::parse(&parameters) {
        Ok((state, answer)) => {
            assert!(!state.id().is_empty());
            // By another issuer, or by nobody, nothing is a code.
            let expected = "https://as.example";
            let is_expected = parameters.get("iss").is_ok_and(|iss| iss == Some(expected));
            assert!(!answer.from_expected(Some(expected)).is_code() || is_expected);
        }
        Err(refusal) => assert!(is_speakable(&refusal.description)),
    }
}

/// The `claims` parameter: what is parsed survives being stored with a grant.
pub fn claims_request(raw: &[u8]) {
    let Some(Ok(claims)) = text(raw).map(ClaimsRequest::parse) else {
        return;
    };
    let again = ClaimsRequest::parse(&claims.to_json());
    assert!(again.is_ok() || claims.to_json().len() > 8192);
    assert!(claims.is_empty() == claims.names().is_empty());
}

/// A client assertion: a header up to the first line break, then the claims; and the same bytes as they are.
pub fn client_assertion(raw: &[u8]) {
    let (header, claims) = halves(raw);
    let jwt = format!("{}.{}.c2ln", base64url(header), base64url(claims));
    let texts = [Some(jwt.as_str()), text(raw)];
    for assertion in texts.into_iter().flatten().filter_map(|text| ClientAssertion::parse(text).ok()) {
        assert!(assertion.claims.iss == assertion.claims.sub && !assertion.claims.jti.is_empty());
        assert!(assertion.method().is_assertion());
        assert!(assertion.judge(&[], NOW).is_err(), "for nobody");
        let _ = assertion.judge(&["https://as.example".to_owned()], NOW);
    }
}

/// A client metadata document at its URL: the URL up to the first line break, then the JSON.
pub fn client_document(raw: &[u8]) {
    let (url, document) = halves(raw);
    let Some(Ok(url)) = text(url).map(|url| DocumentUrl::parse(url, false)) else {
        return;
    };
    assert!(url.as_str().starts_with("https://") && !url.as_str().contains('#'));
    let Ok(document) = ClientDocument::parse(&url, document) else {
        return;
    };
    assert!(!document.redirect_uris.is_empty() && !document.grant_types.is_empty());
    assert!(document.redirect_uris.iter().all(|uri| redirect_uri::validate(uri).is_ok()));
    assert!(!document.auth_method.needs_secret());
    assert!(document.auth_method != AuthMethod::PrivateKeyJwt || document.jwks.is_some() || document.jwks_uri.is_some());
}

/// The metadata of a client that registers itself: what is accepted has a redirect URI and no more of anything than
/// it may.
pub fn client_metadata(body: &[u8]) {
    match ClientMetadata::parse(body) {
        Ok(metadata) => {
            assert!((1..=MAX_REDIRECT_URIS).contains(&metadata.redirect_uris.len()));
            assert!(metadata.redirect_uris.iter().all(|uri| redirect_uri::validate(uri).is_ok()));
            assert!(metadata.jwks.is_none() || metadata.jwks_uri.is_none());
            assert!(metadata.scope.is_none_or(|scope| !scope.is_empty()));
            assert!(metadata.client_name.is_none_or(|name| !name.is_empty() && !name.contains('\0')));
        }
        Err(refusal) => assert!(is_speakable(&refusal.description)),
    }
}

/// The browser's cookie: one text for one value.
pub fn cookie(raw: &[u8]) {
    let Some(cookie) = text(raw).and_then(BrowserId::parse) else {
        return;
    };
    assert!(Some(cookie.as_str()) == text(raw) && cookie.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
}

/// A declaration: YAML becomes a tree, or is refused with its line; nothing in it grows beyond what was there.
pub fn declaration(raw: &[u8]) {
    let Some(text) = text(raw) else { return };
    if let Ok(node) = tree::parse(text) {
        assert!(size(&node) <= 64 * (text.len() + 1), "a small text becomes a huge tree");
    }
}

fn size(node: &tree::Node) -> usize {
    match node {
        tree::Node::Scalar(value) => 1 + value.as_str().map_or(0, str::len),
        tree::Node::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        tree::Node::Map(entries) => 1 + entries.iter().map(|entry| entry.name.len() + size(&entry.node)).sum::<usize>(),
    }
}

/// The issuer: kept byte by byte, and safe to quote in a header.
pub fn issuer(raw: &[u8]) {
    let Some(text) = text(raw) else { return };
    let Ok(issuer) = Issuer::parse(text) else { return };
    assert!(issuer.as_str() == text);
    assert!(text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\'));
    assert!(issuer.is_https() || issuer.is_loopback());
    assert!(text.starts_with(&issuer.origin()) && text.ends_with(issuer.path()));
}

/// The keys of a client or an issuer: bounded in number, each for its own algorithms, and none for a MAC.
pub fn jwks(raw: &[u8]) {
    let Ok(keys) = KeySet::parse(raw) else { return };
    for algorithm in AssertionAlgorithm::ALL {
        let count = keys.candidates(None, algorithm).count();
        assert!(count <= MAX_KEYS);
        assert!(algorithm != AssertionAlgorithm::Hs256 || count == 0, "a public key is no secret");
        assert!(keys.candidates(None, algorithm).all(|key| key.fits(algorithm)));
    }
}

/// Query strings and form bodies: what is parsed survives being written and parsed again.
pub fn parameters(raw: &[u8]) {
    let Ok(parameters) = Parameters::parse(raw) else { return };
    let _ = parameters.refuse_duplicates();
    let again = Parameters::parse(parameters.to_query().as_bytes());
    assert!(again.is_ok_and(|again| again == parameters));
}

/// Redirect URIs, a registered one and a requested one, separated by a line break.
pub fn redirect_uris(raw: &[u8]) {
    use redirect_uri::{csp_source, display_host, is_local, is_to_loopback, matches, validate, with_query};
    let Some(text) = text(raw) else { return };
    let (registered, requested) = text.split_once('\n').unwrap_or((text, text));
    let _ = (display_host(requested), is_local(requested), is_to_loopback(requested));
    if let (Ok(()), Some(source)) = (validate(requested), csp_source(requested)) {
        // It stands in a header, between others, and must not become two or something else.
        assert!(
            source
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b';' | b',' | b'\'' | b'*')),
            "{source}"
        );
    }
    if validate(requested).is_ok() {
        assert!(
            with_query(requested, &[("code", "x\r\n&y")])
                .bytes()
                .all(|byte| byte.is_ascii_graphic())
        );
    }
    if validate(registered).is_ok() && matches(registered, requested) {
        assert!(validate(requested).is_ok());
        let host = |uri: &str| {
            display_host(uri)
                .rsplit_once(':')
                .map_or(display_host(uri), |(host, _)| host.to_owned())
        };
        assert!(registered == requested || is_local(requested) && (host(registered) == host(requested) || requested.contains("[::1]")));
    }
}

/// Resource identifiers: what can be one can stand in an address and in a token.
pub fn resources(raw: &[u8]) {
    let Some(text) = text(raw) else { return };
    match resource::validate(text) {
        Ok(()) => assert!(!text.contains('#') && !text.contains(char::is_whitespace)),
        Err(problem) => assert!(!problem.is_empty()),
    }
}

/// Scopes: what is read says the same when it is read again.
pub fn scope(raw: &[u8]) {
    let Some(text) = text(raw) else { return };
    match Scope::parse(text) {
        Ok(scope) => assert!(Scope::parse(&scope.to_string()).is_ok_and(|again| again == scope)),
        Err(refusal) => assert!(is_speakable(&refusal.description)),
    }
}

/// The metadata of another server: only that of the issuer that was asked for.
pub fn server_metadata(raw: &[u8]) {
    match ServerMetadata::parse(raw, "https://as.example") {
        Ok(metadata) => {
            assert!(metadata.issuer == "https://as.example");
            assert!(metadata.addresses().count() >= 2);
        }
        Err(problem) => assert!(problem.len() < 2000),
    }
}

/// A request that is signed as for AWS: a value of `Authorization`, a date and a query, then the body. What somebody else has made is
/// by nobody.
pub fn sigv4(raw: &[u8]) {
    let (authorization, rest) = halves(raw);
    let (date, rest) = halves(rest);
    let (query, body) = halves(rest);
    let (Some(authorization), Some(date), Some(query)) = (text(authorization), text(date), text(query)) else {
        return;
    };
    let headers = [
        ("authorization", authorization),
        ("host", "as.example"),
        ("x-amz-date", date),
        ("content-type", "application/json"),
    ];
    let request = Received {
        method: "POST",
        path: "/identities/GetWorkloadAccessToken",
        query,
        headers: &headers,
        body,
    };
    if let Ok(signature) = Signature::read(&request, "bedrock-agentcore", NOW) {
        assert!(!signature.access_key.is_empty());
        assert!(!signature.is_by(&request, "as.example", "a secret that nobody has guessed"));
    }
}

/// A token exchange: what is read names whom it is for.
pub fn token_exchange(raw: &[u8]) {
    let Ok(body) = Parameters::parse(raw) else { return };
    match TokenExchange::parse(&body) {
        Ok(exchange) => assert!(!exchange.audience.is_empty()),
        Err(refusal) => assert!(is_speakable(&refusal.description)),
    }
}

/// The token request with the client that sends it: a header up to the first line break, then a body.
pub fn token_request(raw: &[u8]) {
    let (header, body) = halves(raw);
    let header = text(header).filter(|header| !header.is_empty());
    let Ok(body) = Parameters::parse(body) else { return };
    if let Err(refusal) = TokenRequest::parse(&body) {
        assert!(is_speakable(&refusal.description));
    }
    if let Ok(credentials) = ClientCredentials::parse(header, &body) {
        assert!(!credentials.client_id.is_empty());
        let sends_secret = matches!(credentials.method, AuthMethod::ClientSecretBasic | AuthMethod::ClientSecretPost);
        assert!(credentials.secret.is_some() == sends_secret);
        assert!(credentials.assertion.is_some() == credentials.method.is_assertion());
    }
}

/// Codes and refresh tokens: each has one text only, and none is authentic by chance.
pub fn tokens(raw: &[u8]) {
    let Some(text) = text(raw) else { return };
    if let Some(code) = AuthorizationCode::parse(text) {
        assert!(code.to_text() == text);
        assert!(!code.is_authentic(&MacKey::new(&[1; 32])));
    }
    if let Some(token) = RefreshToken::parse(text) {
        let key = MacKey::new(&[1; 32]);
        assert!(token.to_text() == text);
        assert!(!token.is_authentic(|grant, generation| key.mac(&[grant, &generation.to_be_bytes()])));
    }
}

/// A token of a person: a header up to the first line break, then the claims; and the same bytes as they are. It is good for
/// nobody but its audience.
pub fn user_token(raw: &[u8]) {
    let (header, claims) = halves(raw);
    let jwt = format!("{}.{}.c2ln", base64url(header), base64url(claims));
    let issuer = UserIssuer::parse("https://as.example agent email");
    for token in [Some(jwt.as_str()), text(raw)].into_iter().flatten().filter_map(UserToken::parse) {
        let iss = token.iss().map(str::to_owned);
        if let Ok(issuer) = &issuer {
            assert!(!token.is_good(issuer, NOW) || iss.as_deref() == Some(issuer.issuer.as_str()));
        }
    }
}
