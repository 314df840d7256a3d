//! The playground: the real flow, seen by an administrator.

use super::{Desk, words};
use crate::support::browser::unescape;
use crate::support::client::claims;
use crate::support::{Browser, Page};

/// Where the authorization request is sent.
fn way_to_start(page: &Page) -> String {
    let mut links = page.body.split("href=\"").filter_map(|rest| rest.split('"').next());
    unescape(links.find(|link| link.contains("/authorize?")).expect("the way to start"))
}

/// Signs a person in beside the administrator, and comes to the callback.
async fn come_back(desk: &Desk, page: &Page, username: &str) -> Page {
    let link = way_to_start(page);
    let mut page = desk.browser.visit(&link).await;
    if page.body.contains("name=\"password\"") {
        page = desk.browser.sign_in(&page, username, username).await;
    }
    if page.body.contains("name=\"decision\"") {
        page = desk.browser.decide(&page, "allow").await;
    }
    assert!(page.url.contains("/admin/playground/callback?"), "{} {}", page.url, page.body);
    page
}

/// A token as it is shown.
fn raw(page: &Page, label: &str) -> String {
    let rest = page
        .body
        .split(&format!(">{label} as it travels</figcaption>"))
        .nth(1)
        .unwrap_or_else(|| panic!("no {label}: {}", words(page)));
    rest.split("<code>").nth(1).unwrap().split('<').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn code_and_pkce_from_the_first_request_to_the_last() {
    let desk = Desk::new().await;
    desk.app.user("alice").await;
    let client = desk.app.confidential_client().await;
    let secret = client.secret.clone().unwrap();
    let path = format!("/admin/clients/{}/playground", client.id());
    let page = desk.get(&path).await;
    assert!(words(&page).contains("One thing is missing"));
    let page = desk.send(&page, "/playground/register", &[]).await;
    assert!(words(&page).contains("The redirect URI was added."), "{}", words(&page));
    let page = desk
        .send(
            &page,
            &path,
            &[("scope", "openid"), ("scope", "profile"), ("scope", "offline_access")],
        )
        .await;
    assert!(
        words(&page).contains("code_challenge_method S256") || page.body.contains("code_challenge_method"),
        "{}",
        page.body
    );
    let page = come_back(&desk, &page, "alice").await;
    let said = words(&page);
    assert_eq!(said.matches("As it should be").count(), 2, "state and iss: {said}");

    let wrong = desk.send(&page, "/redeem", &[("client_secret", "wrong")]).await;
    assert!(
        words(&wrong).contains("401 Unauthorized") && words(&wrong).contains("invalid_client"),
        "{}",
        words(&wrong)
    );
    let page = desk.send(&page, "/redeem", &[("client_secret", &secret)]).await;
    let said = words(&page);
    assert!(
        said.contains("HTTP/1.1 200 OK") && said.contains("grant_type=authorization_code"),
        "{said}"
    );
    assert_eq!(said.matches("Verified with a key of this server").count(), 2, "{said}");
    assert!(said.contains("As in the request"), "the nonce came back: {said}");
    assert!(!page.body.contains(&secret), "the secret is masked, and sealed where it travels");
    assert!(
        !desk.browser.cookies().contains_key("gatehouse_playground"),
        "the run needs no cookie any more"
    );
    let access_token = raw(&page, "Access token");
    assert_eq!(claims(&access_token)["client_id"], client.id());
    assert_eq!(client.userinfo(&access_token).await.status, 200, "it is a real one");

    let press = async |page: &Page, what: &str| {
        let run = page.body.split("name=\"run\" value=\"").nth(1).unwrap().split('"').next().unwrap();
        let (target, fields) = super::form(page, "/playground/use");
        let csrf = &fields.iter().find(|(name, _)| name == "csrf").unwrap().1;
        desk.browser.post(&target, &[("csrf", csrf), ("run", run), ("do", what)]).await
    };
    let answer = press(&page, "userinfo").await;
    assert!(words(&answer).contains("alice example"), "{}", words(&answer));
    let answer = press(&page, "introspect").await;
    assert!(words(&answer).contains("\"active\": true"), "{}", words(&answer));
    let first = raw(&page, "Refresh token");
    let refreshed = press(&page, "refresh").await;
    assert_ne!(raw(&refreshed, "Refresh token"), first, "{}", words(&refreshed));
    let answer = press(&refreshed, "revoke-refresh").await;
    assert!(words(&answer).contains("HTTP/1.1 200 OK"), "{}", words(&answer));
    let answer = press(&refreshed, "refresh").await;
    assert!(words(&answer).contains("invalid_grant"), "{}", words(&answer));
    assert_eq!(client.userinfo(&access_token).await.status, 401);
    assert_eq!(press(&page, "nonsense").await.status, 404);

    // The run is for this browser alone.
    let thief = Browser::new();
    let sign_in = thief.visit(&desk.app.url("/admin/sign-in")).await;
    let sign_in = thief.submit(&sign_in, &[("admin_token", &desk.token)]).await;
    let theirs = thief.follow(sign_in).await;
    let run = page.body.split("name=\"run\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let csrf = theirs.field("csrf");
    let stolen = thief
        .post(
            &desk.app.url("/admin/playground/use"),
            &[("csrf", &csrf), ("run", run), ("do", "userinfo")],
        )
        .await;
    assert_eq!(stolen.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_not_to_our_request_are_not_redeemed() {
    let desk = Desk::new().await;
    desk.app.user("alice").await;
    let client = desk.app.public_client().await;
    let stranger = desk.get("/admin/playground/callback?code=x&state=y").await;
    assert!(words(&stranger).contains("No run of the playground has begun here"));
    let path = format!("/admin/clients/{}/playground", client.id());
    let page = desk.get(&path).await;
    let page = desk.send(&page, "/playground/register", &[]).await;
    let begun = desk.send(&page, &path, &[]).await;
    let iss: String = url::form_urlencoded::byte_serialize(desk.app.base.as_bytes()).collect();
    for query in [
        format!("code=x&state=forged&iss={iss}"),
        "code=x&iss=https%3A%2F%2Fevil.example".to_owned(),
    ] {
        let page = desk.get(&format!("/admin/playground/callback?{query}")).await;
        assert!(words(&page).contains("This answer is not to be trusted"), "{}", words(&page));
        assert!(!page.body.contains("/redeem"));
    }
    // The person says no.
    let link = way_to_start(&begun);
    let page = desk.browser.visit(&link).await;
    let page = desk.browser.sign_in(&page, "alice", "alice").await;
    let page = desk.browser.decide(&page, "deny").await;
    let said = words(&page);
    assert!(said.contains("access_denied") && said.contains("There is no code"), "{said}");
    // Without a secret there is nothing to type; after half an hour there is no run any more.
    let begun = desk.send(&desk.get(&path).await, &path, &[]).await;
    let page = come_back(&desk, &begun, "alice").await;
    assert!(!page.body.contains("client_secret"));
    desk.app.advance(1801);
    let page = desk.send(&page, "/redeem", &[]).await;
    assert!(words(&page).contains("No run of the playground has begun here"), "{}", words(&page));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_gets_a_token_for_itself() {
    let desk = Desk::new().await;
    let client = desk.app.confidential_client().await;
    let path = format!("/admin/clients/{}/playground", client.id());
    let page = desk.get(&format!("{path}?flow=client")).await;
    let secret = client.secret.clone().unwrap();
    let page = desk.send(&page, &path, &[("client_secret", &secret), ("scope", "read")]).await;
    let said = words(&page);
    assert!(
        said.contains("grant_type=client_credentials") && said.contains("HTTP/1.1 200 OK"),
        "{said}"
    );
    assert!(said.contains("Verified with a key of this server"), "{said}");
    assert!(!page.body.contains(&secret));
    assert!(!page.body.contains("value=\"userinfo\""), "there is no person to ask about");
}
