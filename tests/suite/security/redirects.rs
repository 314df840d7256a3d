//! Where people are sent: redirect URIs that look like the registered one (RFC 9700 §4.1), and every other place where an address
//! from a request could lead away (§4.11).

use gatehouse::protocol::client_authentication::AuthMethod;
use reqwest::Method;
use serde_json::json;

use crate::api::operator;
use crate::support::browser::http;
use crate::support::client::send;
use crate::support::{Browser, Database, TestApp};

/// What is registered, one of each kind.
const REGISTERED: [&str; 7] = [
    "https://app.example/callback",
    "https://app.example:8443/callback?tenant=1",
    "https://xn--bcher-kva.example/cb",
    "https://[2001:db8::1]/cb",
    "http://127.0.0.1/cb",
    "http://[::1]:3000/cb",
    "com.example.app:/cb",
];

/// Other ways to write a registered address that the words say are the same: another port of a loopback host (RFC 8252 §7.3), even one
/// that begins with a zero (RFC 3986 §3.2.3). Everything else is another address.
const SAME: [(&str, &str); 2] = [
    ("http://127.0.0.1/cb", "http://127.0.0.1:0443/cb"),
    ("http://[::1]:3000/cb", "http://[::1]:0443/cb"),
];

/// Ways to write an address that is another one, or reads like the same to somebody.
fn bent(uri: &str) -> Vec<String> {
    let (scheme, rest) = uri.split_once(':').expect("a scheme");
    let bare = rest.trim_start_matches('/');
    let (authority, path) = bare.split_at(bare.find('/').unwrap_or(bare.len()));
    let host = authority
        .rsplit_once(':')
        .map_or(authority, |(host, port)| if port.ends_with(']') { authority } else { host });
    let mut bent = vec![
        // userinfo
        format!("{scheme}://{authority}@evil.example{path}"),
        format!("{scheme}://evil.example@{authority}{path}"),
        format!("{scheme}://{authority}%40evil.example{path}"),
        format!("{scheme}://user:pw@{authority}{path}"),
        format!("{scheme}://@{authority}{path}"),
        // backslashes, slashes and what browsers make of them
        format!("{scheme}:\\\\evil.example\\{authority}{path}"),
        format!("{scheme}://evil.example\\@{authority}{path}"),
        format!("{scheme}://{authority}\\@evil.example{path}"),
        format!("{scheme}:{authority}{path}"),
        format!("{scheme}:///{authority}{path}"),
        format!("//{authority}{path}"),
        format!("{authority}{path}"),
        path.to_owned(),
        // encoded
        format!("{scheme}://{authority}{}", path.replacen('/', "/%2f", 1)),
        format!("{scheme}://{authority}{}", path.replacen('/', "%2F", 1)),
        format!(
            "{scheme}://{authority}{}",
            path.replace("cb", "%63b").replace("callback", "%63allback")
        ),
        format!("{scheme}%3A//{authority}{path}"),
        // paths
        format!("{scheme}://{authority}{path}/"),
        format!("{scheme}://{authority}{path}/.."),
        format!("{scheme}://{authority}/x/..{path}"),
        format!("{scheme}://{authority}/.{path}"),
        format!("{scheme}://{authority}/%2e%2e{path}"),
        format!("{scheme}://{authority}{path};x=1"),
        format!("{scheme}://{authority}/{path}"),
        // queries and fragments
        format!("{uri}?"),
        format!("{uri}&x=1"),
        format!("{uri}?next=https://evil.example"),
        format!("{uri}#"),
        format!("{uri}#@evil.example/"),
        format!("{uri}%23x"),
        // ports, case and dots
        format!("{scheme}://{host}.{path}"),
        format!("{scheme}://{host}:{path}"),
        format!("{scheme}://{host}:0443{path}"),
        format!("{scheme}://{host}:65536{path}"),
        format!("{scheme}://{host}:+443{path}"),
        format!("{}://{authority}{path}", scheme.to_uppercase()),
        format!("{scheme}://{}{path}", authority.to_uppercase().replace("XN--", "Xn--")),
        uri.replace("cb", "CB").replace("callback", "Callback"),
        // other hosts
        format!("{scheme}://{host}.evil.example{path}"),
        format!("{scheme}://evil{host}{path}"),
        format!("{scheme}://evil.example/{uri}"),
        format!("{scheme}://evil.example?{uri}"),
        format!("{scheme}://evil.example#{uri}"),
        // control characters and blanks
        format!("{uri}\r\nLocation: https://evil.example"),
        format!("{uri}\u{0}.evil.example"),
        format!(" {uri}"),
        format!("{uri} "),
        format!("{uri}\t"),
        format!("{uri}\u{a0}"),
        format!("{uri}\u{202e}"),
        // other schemes
        format!("http://{authority}{path}x"),
        format!("javascript://{authority}{path}%0aalert(1)"),
        "javascript:alert(1)".to_owned(),
        "data:text/html,x".to_owned(),
        "about:blank".to_owned(),
        format!("blob:{uri}"),
        format!("view-source:{uri}"),
        // several
        format!("{uri} {uri}"),
        format!("{uri},https://evil.example"),
        format!("{uri}*"),
        uri.replace("app.example", "*.example") + "x",
    ];
    let of_host: &[(&str, &[&str])] = &[
        (
            "xn--bcher-kva.example",
            &[
                "bücher.example",
                "b\u{fc}cher.example",
                "bu\u{308}cher.example",
                "xn--bcher-kvb.example",
            ],
        ),
        (
            "[2001:db8::1]",
            &[
                "[2001:DB8::1]",
                "[2001:0db8::1]",
                "[2001:db8:0::1]",
                "[2001:db8::0:1]",
                "[2001:db8::1%25eth0]",
                "[2001:db8::2]",
            ],
        ),
        (
            "127.0.0.1",
            &[
                "127.1",
                "127.0.0.01",
                "0x7f.0.0.1",
                "2130706433",
                "0177.0.0.1",
                "127.0.0.2",
                "[::ffff:127.0.0.1]",
                "localhost",
                "127。0。0。1",
            ],
        ),
        (
            "[::1]:3000",
            &[
                "[::0001]:3000",
                "[0:0:0:0:0:0:0:1]:3000",
                "127.0.0.1:3000",
                "[::]:3000",
                "[::1%251]:3000",
            ],
        ),
        (
            "app.example",
            &["app。example", "ａpp.example", "app%2Eexample", "app.example%00", "аpp.example"],
        ),
    ];
    for (host, others) in of_host {
        if uri.contains(&format!("//{host}")) {
            bent.extend(others.iter().map(|other| uri.replacen(host, other, 1)));
        }
    }
    bent.retain(|other| other != uri);
    bent.sort();
    bent.dedup();
    bent
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_goes_to_a_registered_address_and_nowhere_else() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    let browser = Browser::new();
    let (mut tried, mut same) = (0, 0);
    for uri in REGISTERED {
        let client = app.client(AuthMethod::None, |new| new.redirect_uris = vec![uri.to_owned()]).await;
        for other in bent(uri) {
            if SAME.contains(&(uri, other.as_str())) {
                let changes = [("redirect_uri", other.as_str()), ("state", "s")];
                let page = client.authorize(&Browser::new(), "alice", &changes).await;
                let location = page.location().unwrap();
                assert!(location.starts_with(&format!("{other}?")), "{uri} as {other}: {location}");
                same += 1;
                continue;
            }
            // Good requests and bad ones: neither a code nor an error goes there.
            for changes in [vec![], vec![("response_type", "token")], vec![("prompt", "none")]] {
                let mut changes = changes;
                changes.push(("redirect_uri", other.as_str()));
                let page = browser.get(&client.authorize_url(&changes)).await;
                assert_eq!(page.status, 400, "{uri} as {other:?}: {:?}", page.location());
                assert!(page.location().is_none(), "{uri} as {other:?}");
                assert!(!page.body.contains("evil"), "nothing of it is shown: {other:?}");
                tried += 1;
            }
        }
        let page = client
            .authorize(&Browser::new(), "alice", &[("redirect_uri", uri), ("state", "s")])
            .await;
        assert!(page.location().unwrap().starts_with(uri), "{uri}: {:?}", page.location());
    }
    assert!(tried > 900, "only {tried}");
    assert_eq!(same, SAME.len());
}

/// The address of the token request is the one of the authorization request.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_for_one_address_is_not_redeemed_with_another() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user("alice").await;
    let client = app
        .client(AuthMethod::None, |new| {
            new.redirect_uris = vec![
                "https://app.example/callback".to_owned(),
                "https://app.example/other".to_owned(),
                "http://127.0.0.1/cb".to_owned(),
            ];
        })
        .await;
    let redeem = async |code: &str, redirect_uri: &str| {
        let mut client = client.clone();
        redirect_uri.clone_into(&mut client.redirect_uri);
        client.redeem(code).await
    };
    let code = client.code("alice", &[]).await;
    for wrong in ["https://app.example/other", "https://app.example/callback/", "http://127.0.0.1/cb"] {
        assert_eq!(redeem(&code, wrong).await.status, 400, "{wrong}");
    }
    assert_eq!(redeem(&code, "https://app.example/callback").await.status, 200);
    // A port that is free in the request is not free any more.
    let code = client.code("alice", &[("redirect_uri", "http://127.0.0.1:5000/cb")]).await;
    for wrong in ["http://127.0.0.1:5001/cb", "http://127.0.0.1/cb"] {
        assert_eq!(redeem(&code, wrong).await.error(), "invalid_grant", "{wrong}");
    }
    assert_eq!(redeem(&code, "http://127.0.0.1:5000/cb").await.status, 200);
}

/// What cannot be an address of an application cannot be registered, by whoever registers it.
#[tokio::test(flavor = "multi_thread")]
async fn what_runs_in_a_browser_is_registered_nowhere() {
    let app = TestApp::start(Database::Sqlite).await;
    let operator = operator(&app).await;
    for uri in [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "https://user@app.example/cb",
        "https://app.example/cb#x",
        "http://app.example/cb",
        "https://app.example/\u{202e}cb",
        "https://app.example/cb\r\nSet-Cookie: a=b",
        "https://*.example/cb",
        "//app.example/cb",
        "",
    ] {
        let made = operator
            .post("/clients", &json!({ "client_name": "App", "redirect_uris": [uri] }))
            .await;
        assert_eq!(made.status, 422, "{uri:?}: {}", made.body);
        let registered = send(http().post(app.url("/register")).json(&json!({ "redirect_uris": [uri] }))).await;
        assert_eq!(
            (registered.status, registered.error()),
            (400, "invalid_redirect_uri"),
            "{uri:?}: {}",
            registered.body
        );
    }
    // The same of addresses that people click on.
    for field in ["client_uri", "logo_uri", "policy_uri", "tos_uri"] {
        for uri in [
            "javascript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "//evil.example",
            "/x",
            "file:///x",
            " javascript:alert(1)",
            "java\tscript:x",
        ] {
            let mut body = json!({ "client_name": "App", "redirect_uris": ["https://app.example/cb"] });
            body[field] = json!(uri);
            let made = operator.post("/clients", &body).await;
            assert_eq!(made.status, 422, "{field} {uri:?}: {}", made.body);
            let registered = send(http().post(app.url("/register")).json(&body)).await;
            assert_eq!(registered.status, 400, "{field} {uri:?}: {}", registered.body);
        }
    }
}

/// Ways in which an address says that it is another site's.
const AWAY: [&str; 22] = [
    "https://evil.example/",
    "//evil.example/",
    "///evil.example/",
    "/\\evil.example/",
    "\\\\evil.example/",
    "/%09/evil.example",
    "/%5cevil.example",
    "/account//evil.example",
    "/account/..//evil.example",
    "/account\\@evil.example",
    "/account@evil.example",
    "/admin//evil.example",
    "/admin/..//evil.example",
    "@evil.example",
    ".evil.example",
    ":80@evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "https:evil.example",
    "http:///evil.example",
    "/account\r\nLocation: https://evil.example",
    "%2f%2fevil.example",
];

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_and_out_leads_to_pages_of_ours_only() {
    let app = TestApp::start(Database::Sqlite).await;
    app.user_with("admin", |new| new.roles = vec!["admin".to_owned()]).await;
    let token = operator(&app).await;
    let crate::api::Shown::AdminToken(token) = token.shown else {
        panic!()
    };
    let encoded = |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let stays = |page: &crate::support::Page, what: &str| {
        let location = page.headers.get("location").map(|value| value.to_str().unwrap().to_owned());
        if let Some(location) = location {
            assert!(
                location.starts_with('/') && !location.starts_with("//") && !location.contains("evil"),
                "{what}: {location}"
            );
            assert!(!location.contains('\\'), "{what}: {location}");
        }
        assert!(!page.headers.contains_key("refresh"), "{what}");
    };
    for away in AWAY {
        let browser = Browser::new();
        let page = browser.get(&app.url(&format!("/login?next={}", encoded(away)))).await;
        stays(&page, away);
        let done = browser
            .submit(&page, &[("username", "admin"), ("password", "admin"), ("next", away)])
            .await;
        assert_eq!(done.status, 303, "{away}");
        stays(&done, away);
        // Whoever is signed in is led on at once.
        stays(&browser.get(&app.url(&format!("/login?next={}", encoded(away)))).await, away);
        stays(
            &browser.get(&app.url(&format!("/admin/sign-in?next={}", encoded(away)))).await,
            away,
        );
        stays(
            &browser.get(&app.url(&format!("/admin/confirm?next={}", encoded(away)))).await,
            away,
        );
        let page = browser
            .get(&app.url(&format!(
                "/logout?next={0}&post_logout_redirect_uri={0}&return_to={0}",
                encoded(away)
            )))
            .await;
        let out = browser.submit(&page, &[("next", away), ("post_logout_redirect_uri", away)]).await;
        stays(&out, away);
        // With the admin token.
        let browser = Browser::new();
        let page = browser.get(&app.url(&format!("/admin/sign-in?next={}", encoded(away)))).await;
        let done = browser.submit(&page, &[("admin_token", &token), ("next", away)]).await;
        assert_eq!(done.status, 303, "{away}: {}", done.body);
        stays(&done, away);
    }
}

/// A path of our own that looks like another site's, so that a redirect to where somebody was leads away.
#[tokio::test(flavor = "multi_thread")]
async fn the_way_back_after_a_sign_in_is_no_other_site() {
    let app = TestApp::start(Database::Sqlite).await;
    for path in [
        "//evil.example/account",
        "/account//evil.example",
        "/account/../..//evil.example",
        "/admin//evil.example",
        "/admin/%2e%2e//evil.example",
        "/account%2f%2fevil.example",
        "/account?next=//evil.example",
    ] {
        let request = http().request(Method::GET, app.url(path)).header("accept", "text/html");
        let answer = request.send().await.unwrap();
        if let Some(location) = answer.headers().get("location") {
            let location = location.to_str().unwrap();
            assert!(
                location.starts_with("/login?next=") || location.starts_with("/admin/sign-in?next="),
                "{path}: {location}"
            );
        }
    }
}
