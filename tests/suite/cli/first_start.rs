//! The first start, with nothing configured, until somebody has the admin token.

use std::os::unix::fs::PermissionsExt;

use reqwest::StatusCode;

use super::person::{browser, hidden};
use crate::support::process::{Sandbox, Server};

const ADMIN_TOKEN: &str = "an-admin-token-from-the-environment";

fn set_up_link(server: &Server) -> String {
    server.await_line("/setup?code=").trim().to_owned()
}

/// The token on the page that shows it once.
fn shown_token(page: &str) -> String {
    let start = page.find("gh_admin_").unwrap_or_else(|| panic!("no admin token: {page}"));
    page[start..]
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "_-".contains(*c))
        .collect()
}

/// Whether a running server with developer endpoints takes this admin token.
async fn is_admin(sandbox: &Sandbox, token: &str) -> bool {
    let request = browser()
        .get(format!("{}/dev/pkce", sandbox.issuer()))
        .header("X-Admin-Token", token);
    let status = request.send().await.expect("an answer").status();
    assert!(status == StatusCode::OK || status == StatusCode::UNAUTHORIZED, "{status}");
    status == StatusCode::OK
}

#[tokio::test(flavor = "multi_thread")]
async fn needs_no_configuration_and_ends_with_an_admin_token() {
    let sandbox = Sandbox::bare();
    let server = sandbox.serve_with(&["--listen", &sandbox.address().to_string()]);
    let link = set_up_link(&server);
    assert!(link.starts_with(&sandbox.issuer()), "{link}");
    for name in ["gatehouse.db", "gatehouse.secret"] {
        let mode = std::fs::metadata(sandbox.file(name)).expect(name).permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name} is for its owner only");
    }

    // Opening the link claims nothing: programs that preview links open it, too.
    let browser = browser();
    let page = browser.get(&link).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    let page = page.text().await.unwrap();
    let (csrf, code) = (hidden(&page, "csrf"), hidden(&page, "code"));
    assert!(link.ends_with(&format!("code={code}")), "the page has the code of the link");

    let setup = format!("{}/setup", sandbox.issuer());
    let claim = |code: &str| browser.post(&setup).form(&[("csrf", csrf.as_str()), ("code", code)]).send();
    for wrong in ["", "0000", &code.to_lowercase().replace(|c: char| c.is_ascii_digit(), "x")] {
        let refused = claim(wrong).await.unwrap();
        assert_eq!(refused.status(), StatusCode::FORBIDDEN);
        assert!(!refused.text().await.unwrap().contains("gh_admin_"));
    }
    let foreign = browser
        .post(&setup)
        .form(&[("csrf", "elsewhere"), ("code", &code)])
        .send()
        .await
        .unwrap();
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN, "a form from elsewhere claims nothing");
    assert_eq!(
        browser.get(&setup).send().await.unwrap().status(),
        StatusCode::OK,
        "nothing is claimed yet"
    );

    let done = claim(&code).await.unwrap();
    assert_eq!(done.status(), StatusCode::OK);
    assert_eq!(done.headers()["cache-control"], "no-store");
    let token = shown_token(&done.text().await.unwrap());
    assert_eq!(claim(&code).await.unwrap().status(), StatusCode::GONE);
    assert_eq!(browser.get(&link).send().await.unwrap().status(), StatusCode::GONE);

    assert!(!server.output().contains(&token), "the admin token is in the log");
    for entry in std::fs::read_dir(sandbox.folder()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let is_inside = bytes.windows(token.len()).any(|window| window == token.as_bytes());
        assert!(!is_inside, "the admin token is in {}", path.display());
    }
    drop(server);

    let server = sandbox.serve_with(&["--listen", &sandbox.address().to_string(), "--enable-dev-endpoints", "true"]);
    assert!(is_admin(&sandbox, &token).await, "the token survives a restart");
    assert!(!is_admin(&sandbox, "gh_admin_something_else").await);
    assert!(!server.output().contains("/setup?code="), "set-up is not offered again");
}

#[tokio::test(flavor = "multi_thread")]
async fn takes_the_admin_token_from_the_environment() {
    let sandbox = Sandbox::new().with("ADMIN_TOKEN", ADMIN_TOKEN).with("ENABLE_DEV_ENDPOINTS", "true");
    let server = sandbox.serve();
    server.await_line("admin token was taken from the configuration");
    assert!(is_admin(&sandbox, ADMIN_TOKEN).await);
    let setup = browser().get(format!("{}/setup", sandbox.issuer())).send().await.unwrap();
    assert_eq!(setup.status(), StatusCode::GONE);
    assert!(!server.output().contains(ADMIN_TOKEN), "the admin token is in the log");
    drop(server);

    let sandbox = sandbox.with("ADMIN_TOKEN", "another-token-of-the-operator");
    let server = sandbox.serve();
    server.await_line("admin_token_ignored");
    assert!(is_admin(&sandbox, ADMIN_TOKEN).await, "the first token stays");
    assert!(!is_admin(&sandbox, "another-token-of-the-operator").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_admin_token_is_dead_at_once() {
    let sandbox = Sandbox::new().with("ADMIN_TOKEN", ADMIN_TOKEN).with("ENABLE_DEV_ENDPOINTS", "true");
    let server = sandbox.serve();
    server.await_line("admin token was taken from the configuration");
    let reset = sandbox.run(&["admin-token", "reset"]);
    assert!(reset.status.success(), "{}", reset.stderr);
    assert_eq!(reset.stdout.lines().count(), 1, "nothing but the token, for scripts");
    assert!(!reset.stderr.contains(reset.stdout.trim()), "the token is in the log");
    assert!(
        is_admin(&sandbox, reset.stdout.trim()).await,
        "the running server takes the new token"
    );
    assert!(!is_admin(&sandbox, ADMIN_TOKEN).await, "the old one is dead");
}

#[test]
fn what_only_looks_makes_no_installation() {
    let sandbox = Sandbox::new();
    for command in [
        &["user", "list"][..],
        &["audit", "verify"],
        &["admin-token", "reset"],
        &["secret", "rotate"],
        &["export"],
    ] {
        let refusal = sandbox.run(command).refused();
        assert!(refusal.contains("there is no database gatehouse.db in "), "{command:?}: {refusal}");
        assert!(!sandbox.file("gatehouse.db").exists() && !sandbox.file("gatehouse.secret").exists());
    }
    sandbox.run(&["migrate"]).done();
    sandbox.run(&["user", "list"]).done();
}

#[test]
fn a_database_behind_a_link_is_its_owners_alone() {
    let sandbox = Sandbox::new();
    std::os::unix::fs::symlink("real.db", sandbox.file("gatehouse.db")).unwrap();
    sandbox.run(&["migrate"]).done();
    let mode = std::fs::metadata(sandbox.file("real.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_new_secret_belongs_to_whoever_owned_the_old_one() {
    use std::os::unix::fs::{MetadataExt, chown};
    let sandbox = Sandbox::new().without("APP_SECRET");
    sandbox.run(&["migrate"]).done();
    sandbox
        .run(&["client", "add", "App", "--kind", "service", "--scope", "openid"])
        .done();
    let secret = sandbox.file("gatehouse.secret");
    if chown(&secret, Some(4711), Some(4712)).is_err() {
        // Only root may give files away, and only for root it matters.
        return;
    }
    sandbox.run(&["secret", "rotate"]).done();
    let found = std::fs::metadata(&secret).unwrap();
    assert_eq!((found.uid(), found.gid(), found.mode() & 0o777), (4711, 4712, 0o600));
    assert_eq!(std::fs::metadata(sandbox.file("gatehouse.secret.previous")).unwrap().uid(), 4711);
}
