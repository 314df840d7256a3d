//! Every cookie that this server sets, with its flags.

use std::collections::BTreeMap;
use std::path::Path;

use gatehouse::identity::admin_token;
use secrecy::ExposeSecret;

use crate::support::app::Options;
use crate::support::{Browser, Database, Page, TestApp};

/// The cookies there are, and how long a browser keeps them; `None`: until it is closed.
const COOKIES: [(&str, Option<u64>); 5] = [
    ("session", Some(14 * 24 * 3600)),
    ("browser", None),
    ("device", Some(180 * 24 * 3600)),
    ("admin", None),
    ("playground", Some(1800)),
];

/// Everything that was set while somebody did everything that sets one: name and the whole header.
async fn set_by(app: &TestApp) -> BTreeMap<String, Vec<String>> {
    app.user_with("alice", |new| new.roles = vec!["admin".to_owned()]).await;
    let client = app.public_client().await;
    let token = admin_token::reset(&app.app).await.expect("a token").expose_secret().to_owned();
    let browser = Browser::new();
    let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut note = |page: &Page| {
        for cookie in page.headers.get_all("set-cookie") {
            let text = cookie.to_str().expect("text").to_owned();
            let name = text.split('=').next().expect("a name").to_owned();
            seen.entry(name).or_default().push(text);
        }
    };
    let login = browser.get(&app.url("/login")).await;
    note(&login);
    let done = browser.submit(&login, &[("username", "alice"), ("password", "alice")]).await;
    assert_eq!(done.status, 303, "{}", done.body);
    note(&done);
    let door = browser.get(&app.url("/admin/confirm?next=%2Fadmin")).await;
    note(&door);
    let operator = Browser::new();
    let door = operator.get(&app.url("/admin/sign-in")).await;
    note(&door);
    let desk = operator.submit(&door, &[("admin_token", &token)]).await;
    assert_eq!(desk.status, 303, "{}", desk.body);
    note(&desk);
    // The playground wants to be registered first.
    let path = app.url(&format!("/admin/clients/{}/playground", client.id()));
    let page = operator.get(&path).await;
    let csrf = page.field("csrf");
    operator.post(&format!("{path}/register"), &[("csrf", &csrf)]).await;
    let begun = operator.post(&path, &[("csrf", &csrf), ("scope", "openid")]).await;
    assert_eq!(begun.status, 200, "{}", begun.body);
    note(&begun);
    for (browser, path) in [(&browser, "/logout"), (&operator, "/admin")] {
        let page = browser.get(&app.url(path)).await;
        note(&browser.submit(&page, &[]).await);
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cookie_has_its_flags() {
    for (issuer, prefix) in [(None, ""), (Some("https://id.example"), "__Host-")] {
        let settings = issuer.map(|issuer| ("issuer", issuer.to_owned())).into_iter().collect();
        let options = Options {
            settings,
            ..Options::default()
        };
        let app = TestApp::start_with(Database::Sqlite, options).await;
        let seen = set_by(&app).await;
        let names: Vec<&str> = seen.keys().map(String::as_str).collect();
        let mut expected: Vec<String> = COOKIES.iter().map(|(name, _)| format!("{prefix}gatehouse_{name}")).collect();
        expected.sort();
        assert_eq!(names, expected, "each of them was set, and no other");
        for (name, lifetime) in COOKIES {
            for cookie in &seen[&format!("{prefix}gatehouse_{name}")] {
                let attributes: Vec<&str> = cookie.split("; ").skip(1).collect();
                let has = |attribute: &str| attributes.contains(&attribute);
                assert!(has("HttpOnly") && has("SameSite=Lax") && has("Path=/"), "{cookie}");
                assert_eq!(has("Secure"), issuer.is_some(), "{cookie}");
                assert!(!attributes.iter().any(|one| one.starts_with("Domain")), "{cookie}");
                let age = attributes
                    .iter()
                    .find_map(|one| one.strip_prefix("Max-Age="))
                    .map(|age| age.parse().expect("seconds"));
                assert!(age == lifetime || age == Some(0), "{cookie}: {lifetime:?}");
                assert!(cookie.len() < 4096, "{name}: browsers keep no longer ones");
                let value = cookie.split(['=', ';']).nth(1).expect("a value");
                assert!(age == Some(0) || value.len() >= 43, "{name}: 256 bits cannot be guessed");
            }
        }
    }
}

/// The list above is the one of the source.
#[test]
fn no_cookie_is_made_elsewhere() {
    fn look(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                look(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).expect("a file");
                if text.contains("Cookie::build") || text.contains("Cookie::new") || text.contains("SET_COOKIE") {
                    found.push(path.file_name().expect("a name").to_string_lossy().into_owned());
                }
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    look(&root, &mut found);
    assert_eq!(found, ["cookies.rs"]);
    let text = std::fs::read_to_string(root.join("web/cookies.rs")).expect("a file");
    assert_eq!(text.matches(": [&str; 2] = [\"gatehouse_").count(), COOKIES.len());
}
