//! Each thing that people and clients do over HTTP, and the event that it leaves.

use gatehouse::audit::record_seldom;
use gatehouse::base::digest::sha256_text;
use gatehouse::identity::{account, admin_token};
use gatehouse::model::client::ConsentPolicy;
use gatehouse::model::event::EventFilter;
use gatehouse::model::event::{Actor, Event, EventKind, Outcome};
use gatehouse::protocol::client_authentication::AuthMethod;
use serde_json::json;

use super::{all, intact, of_kind, only};
use crate::support::{Browser, Database, TestApp, on_every_database};

async fn sign_in(app: &TestApp, browser: &Browser, username: &str, password: &str) -> u16 {
    let page = browser.visit(&app.url("/login")).await;
    let answer = browser.submit(&page, &[("username", username), ("password", password)]).await;
    answer.status.as_u16()
}

on_every_database! {
    async fn the_whole_life_of_a_grant(app: TestApp) {
        let alice = app.user("alice").await;
        let client = app.public_client().await;
        let browser = Browser::new();
        let page = client.authorize(&browser, "alice", &[("scope", "openid read offline_access")]).await;
        let code = page.answer("code").unwrap();
        let tokens = client.redeem(&code).await;
        client.refresh(tokens.text("refresh_token")).await;

        let signed_in = only(&app, EventKind::SignedIn).await;
        let user = Actor::User(alice.id.clone());
        assert_eq!((signed_in.actor, signed_in.subject.as_deref(), signed_in.outcome), (user.clone(), Some(alice.id.as_str()), Outcome::Success));
        assert_eq!(signed_in.address.as_deref(), Some("127.0.0.1"));
        assert!(signed_in.request_id.is_some_and(|id| id.len() == 12));
        assert_eq!(signed_in.detail["method"], "pwd");

        let consent = only(&app, EventKind::ConsentGiven).await;
        assert_eq!((consent.actor, consent.subject.as_deref(), consent.client_id.as_deref()), (user, Some(alice.id.as_str()), Some(client.id())));
        assert_eq!(consent.detail["scope"], "openid read offline_access");
        let redeemed = only(&app, EventKind::CodeRedeemed).await;
        assert_eq!(redeemed.actor, Actor::Client(client.id().to_owned()));
        assert_eq!((redeemed.subject.as_deref(), redeemed.client_id.as_deref()), (Some(alice.id.as_str()), Some(client.id())));
        assert_eq!(redeemed.target, consent.target, "both name the grant");

        let before = all(&app).await.len();
        let code = client.authorize(&browser, "alice", &[("scope", "openid read")]).await.answer("code").unwrap();
        assert_eq!(all(&app).await.len(), before, "nobody was asked");
        client.redeem(&code).await;
        for _ in 0..3 {
            client.redeem(&code).await;
        }
        let replayed = only(&app, EventKind::CodeReplayed).await;
        assert_eq!((replayed.outcome, replayed.actor), (Outcome::Failure, Actor::Client(client.id().to_owned())));
        assert_eq!(replayed.subject, Some(alice.id));
        let text = format!("{:?}", all(&app).await);
        for secret in [code.as_str(), tokens.text("access_token"), tokens.text("refresh_token"), &sha256_text(&code)] {
            assert!(!text.contains(secret));
        }
        intact(&app).await;
    }

    async fn no_and_no_question(app: TestApp) {
        let alice = app.user("alice").await;
        let client = app.public_client().await;
        let browser = Browser::new();
        let page = browser.visit(&client.authorize_url(&[])).await;
        let page = browser.sign_in(&page, "alice", "alice").await;
        browser.decide(&page, "deny").await;
        let denied = only(&app, EventKind::ConsentDenied).await;
        assert_eq!((denied.outcome, denied.actor, denied.client_id.as_deref()), (Outcome::Failure, Actor::User(alice.id), Some(client.id())));
        let trusted = app.client(AuthMethod::None, |new| new.consent_policy = ConsentPolicy::Skip).await;
        trusted.authorize(&browser, "alice", &[]).await;
        assert!(of_kind(&app, EventKind::ConsentGiven).await.is_empty());
    }

    async fn revocations(app: TestApp) {
        let alice = app.user("alice").await;
        let client = app.confidential_client().await;
        let tokens = client.tokens("alice", &[("scope", "openid offline_access")]).await;
        for _ in 0..2 {
            client.revoke(tokens.text("access_token")).await;
        }
        let revoked = only(&app, EventKind::TokenRevoked).await;
        assert_eq!((revoked.actor, revoked.client_id.as_deref()), (Actor::Client(client.id().to_owned()), Some(client.id())));
        assert!(revoked.target.is_some());
        for _ in 0..2 {
            client.revoke(tokens.text("refresh_token")).await;
        }
        let revoked = only(&app, EventKind::GrantRevoked).await;
        assert_eq!((revoked.subject, revoked.client_id.as_deref()), (Some(alice.id), Some(client.id())));
        client.revoke("nonsense").await;
        client.post("/token", &[("grant_type", "client_credentials")]).await;
        assert_eq!(of_kind(&app, EventKind::TokenRevoked).await.len(), 1);
        intact(&app).await;
    }

    async fn an_old_refresh_token(app: TestApp) {
        app.user("alice").await;
        let client = app.confidential_client().await;
        let first = client.tokens("alice", &[("scope", "openid offline_access")]).await;
        let second = client.refresh(first.text("refresh_token")).await;
        client.refresh(second.text("refresh_token")).await;
        app.advance(60);
        let before = all(&app).await.len();
        for _ in 0..3 {
            client.refresh(first.text("refresh_token")).await;
        }
        let replayed = only(&app, EventKind::RefreshReplayed).await;
        assert_eq!(replayed.outcome, Outcome::Failure);
        assert_eq!(all(&app).await.len(), before + 1);
    }

    async fn failures_and_the_block(app: TestApp) {
        let alice = app.user("alice").await;
        let browser = Browser::new();
        sign_in(&app, &browser, "correct horse battery", "typed into the wrong field").await;
        let failed = only(&app, EventKind::SignInFailed).await;
        assert_eq!((failed.outcome, failed.actor, failed.subject), (Outcome::Failure, Actor::Anonymous, None));
        for _ in 0..5 {
            assert_eq!(sign_in(&app, &browser, "alice", "wrong").await, 401);
        }
        let failures = of_kind(&app, EventKind::SignInFailed).await;
        assert_eq!(failures.len(), 6);
        assert_eq!(failures.iter().filter(|event| event.subject.as_ref() == Some(&alice.id)).count(), 5);
        let throttled = only(&app, EventKind::SignInThrottled).await;
        assert_eq!(throttled.subject, Some(alice.id));
        assert_eq!(throttled.detail["counters"], json!(["pair"]));
        let before = all(&app).await.len();
        for _ in 0..5 {
            assert_eq!(sign_in(&app, &browser, "alice", "wrong").await, 429);
        }
        assert_eq!(all(&app).await.len(), before, "what is refused does not fill the log");
        let text = format!("{:?}", all(&app).await);
        assert!(!text.contains("horse") && !text.contains("wrong"), "{text}");
    }

    async fn signing_out_and_changing_places(app: TestApp) {
        let (alice, bob) = (app.user("alice").await, app.user("bob").await);
        let (client, browser) = (app.trusted_client().await, Browser::new());
        for (name, ended) in [("alice", 0), ("alice", 0), ("bob", 1)] {
            let page = browser.visit(&client.authorize_url(&[("prompt", "login")])).await;
            browser.sign_in(&page, name, name).await;
            assert_eq!(of_kind(&app, EventKind::SignedOut).await.len(), ended, "another person ends the session, the same one does not");
        }
        assert_eq!(only(&app, EventKind::SignedOut).await.subject, Some(alice.id));
        let page = browser.visit(&app.url("/logout")).await;
        browser.submit(&page, &[]).await;
        // Within a millisecond of the test's clock the order of ids is left to chance.
        let signed_out = of_kind(&app, EventKind::SignedOut).await;
        assert_eq!(signed_out.len(), 2);
        let last = signed_out.iter().find(|event| event.subject.as_ref() == Some(&bob.id)).unwrap();
        assert_eq!(last.actor, Actor::User(bob.id));
        let begun = of_kind(&app, EventKind::SignedIn).await;
        assert!(begun.iter().any(|event| event.subject == last.subject && event.target == last.target), "both name the session");
    }

    async fn set_up(app: TestApp) {
        let browser = Browser::new();
        for _ in 0..15 {
            let page = browser.visit(&app.url("/setup")).await;
            browser.submit(&page, &[("code", "a wrong code")]).await;
        }
        let refused = of_kind(&app, EventKind::SetupRefused).await;
        assert_eq!(refused.len(), 10, "anybody may try, and must not fill the log");
        assert_eq!(refused[0].outcome, Outcome::Failure);
        let page = browser.visit(&app.url("/setup")).await;
        let code = admin_token::setup_code(&app.app);
        browser.submit(&page, &[("code", &code)]).await;
        let done = only(&app, EventKind::SetupCompleted).await;
        assert_eq!(done.address.as_deref(), Some("127.0.0.1"));
        app.advance(3601);
        assert!(!format!("{:?}", all(&app).await).contains(&code));
        intact(&app).await;
    }

    async fn filters_and_pages(app: TestApp) {
        let (alice, bob) = (app.user("alice").await, app.user("bob").await);
        app.advance(100);
        let at = app.app.now();
        let client = app.confidential_client().await;
        app.advance(100);
        client.tokens("alice", &[("scope", "read")]).await;
        client.tokens("bob", &[("scope", "read")]).await;
        sign_in(&app, &Browser::new(), "bob", "wrong").await;
        let everything = all(&app).await;
        assert!(everything.is_sorted_by(|left, right| left.id < right.id));
        let mut connection = app.app.store.read().await.unwrap();
        let actors = [None, Some(Actor::Client(client.id().to_owned())), Some(Actor::User(alice.id.clone())), Some(Actor::Anonymous)];
        for number in 0..(3 * 3 * 2 * 4 * 2 * 2 * 3) {
            let mut rest = number;
            let mut choice = |count: usize| { let chosen = rest % count; rest /= count; chosen };
            let filter = EventFilter {
                kind: [None, Some(EventKind::CodeRedeemed), Some(EventKind::SignInFailed)][choice(3)],
                subject_id: [None, Some(alice.id.clone()), Some(bob.id.clone())][choice(3)].clone(),
                client_id: [None, Some(client.id().to_owned())][choice(2)].clone(),
                actor: actors[choice(4)].clone(),
                since: [None, Some(at)][choice(2)],
                until: [None, Some(at + 1)][choice(2)],
                outcome: [None, Some(Outcome::Success), Some(Outcome::Failure)][choice(3)],
            };
            let expected: Vec<_> = everything.iter().rev().filter(|event| {
                filter.kind.is_none_or(|kind| event.kind == kind)
                    && (filter.subject_id.is_none() || event.subject == filter.subject_id)
                    && (filter.client_id.is_none() || event.client_id == filter.client_id)
                    && filter.actor.as_ref().is_none_or(|actor| event.actor == *actor)
                    && filter.since.is_none_or(|since| event.at >= since)
                    && filter.until.is_none_or(|until| event.at < until)
                    && filter.outcome.is_none_or(|outcome| event.outcome == outcome)
            }).cloned().collect();
            let found = connection.events(&filter, None, 100).await.unwrap();
            assert_eq!(found, expected, "{filter:?}");
            let mut pages = Vec::new();
            loop {
                let before = pages.last().map(|event: &gatehouse::model::event::Event| event.id.clone());
                let page = connection.events(&filter, before.as_deref(), 2).await.unwrap();
                let is_last = page.len() < 2;
                pages.extend(page);
                if is_last { break }
            }
            assert_eq!(pages, expected, "{filter:?}, in pages");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_developers_endpoints_act_for_the_admin_token() {
    let options = crate::support::app::Options {
        settings: vec![
            ("enable_dev_endpoints", "true".to_owned()),
            ("admin_token", "an admin token of the operator".to_owned()),
        ],
        ..Default::default()
    };
    let app = TestApp::start_with(Database::Sqlite, options).await;
    let token = app.app.config.admin_token.clone().unwrap();
    assert!(admin_token::bootstrap(&app.app, &token).await.unwrap());
    assert!(admin_token::bootstrap(&app.app, &token).await.unwrap());
    let completed = only(&app, EventKind::SetupCompleted).await;
    assert_eq!(
        (completed.actor, completed.detail["from"].as_str()),
        (Actor::System, Some("configuration"))
    );
    let request = crate::support::browser::http().post(app.url("/dev/seed?profile=mcp"));
    let answer = request
        .header("x-admin-token", "an admin token of the operator")
        .send()
        .await
        .unwrap();
    assert!(answer.status().is_success());
    let created = of_kind(&app, EventKind::UserCreated).await;
    assert_eq!(created.len(), 3);
    assert!(
        created
            .iter()
            .all(|event| event.actor == Actor::AdminToken && event.address.is_some())
    );
    assert!(created.iter().any(|event| event.detail["after"]["username"] == "alice"));
    assert_eq!(of_kind(&app, EventKind::ScopeCreated).await.len(), 3);
    assert_eq!(of_kind(&app, EventKind::ClientCreated).await.len(), 2);
}

on_every_database! {
    async fn what_is_kept_of_a_change_of_an_account(app: TestApp) {
        let alice = app.user_with("alice", |new| {
            new.extra_claims.insert("department".to_owned(), "sales".into());
            new.extra_claims.insert("floor".to_owned(), 3.into());
        }).await;
        let created = only(&app, EventKind::UserCreated).await.detail;
        assert_eq!(created["after"]["extra_claims"], json!({ "department": "sales", "floor": 3 }));
        let mut settings = alice.settings.clone();
        settings.extra_claims.insert("department".to_owned(), "purchase".into());
        settings.extra_claims.insert("badge".to_owned(), json!({ "number": 7 }));
        settings.profile.insert("name".to_owned(), "Alice Adams".into());
        settings.profile.insert("locale".to_owned(), "de-AT".into());
        let alice = account::change(&app.app, alice, settings.clone()).await.unwrap();
        let changed = only(&app, EventKind::UserChanged).await.detail;
        assert_eq!(changed["before"]["extra_claims"], json!({ "department": "sales" }));
        assert_eq!(changed["after"]["extra_claims"], json!({ "department": "purchase", "badge": { "number": 7 } }));
        assert_eq!(changed["claims_changed"], json!(["locale", "name"]));
        settings.roles = vec!["staff".to_owned()];
        let alice = account::change(&app.app, alice, settings).await.unwrap();
        account::delete(&app.app, &alice).await.unwrap();
        let of_roles = of_kind(&app, EventKind::UserChanged).await.into_iter().find(|event| event.detail["after"]["roles"] == json!(["staff"]));
        let of_roles = of_roles.unwrap().detail;
        assert!(of_roles["after"].get("extra_claims").is_none() && !of_roles.contains_key("claims_changed"), "{of_roles:?}");
        let text = format!("{:?}", all(&app).await);
        assert!(!text.contains("Alice Adams") && !text.contains("de-AT") && !text.contains("alice example"), "{text}");
        intact(&app).await;
    }

    async fn who_is_refused_again_and_again_is_recorded_now_and_then(app: TestApp) {
        let client = app.confidential_client().await;
        let wrong = |path: &str, token: &str| {
            let request = crate::support::browser::http().post(app.url(path)).basic_auth(client.id(), Some("wrong"));
            request.form(&[("grant_type", "client_credentials"), ("token", token)])
        };
        let refusals = async |kind| {
            let filter = EventFilter { kind: Some(kind), ..EventFilter::default() };
            app.app.store.read().await.unwrap().events(&filter, None, 100).await.unwrap()
        };
        for path in ["/token", "/introspect", "/revoke", "/token"] {
            assert_eq!(crate::support::client::send(wrong(path, "x")).await.status, 401);
        }
        let found = refusals(EventKind::ClientRefused).await;
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].client_id.as_deref(), found[0].outcome), (Some(client.id()), Outcome::Failure));
        app.advance(61);
        let again: Vec<_> = (0..10).map(|_| crate::support::client::send(wrong("/token", "x"))).collect();
        futures_util::future::join_all(again).await;
        let found = refusals(EventKind::ClientRefused).await;
        assert_eq!(found.len(), 2, "ten at once are one");
        assert_eq!(found[0].detail["left_out"], 3, "it says how many there were before it: {:?}", found[0]);
        assert!(!found[1].detail.contains_key("left_out"), "{:?}", found[1]);
        app.advance(59);
        assert_eq!(crate::support::client::send(wrong("/token", "x")).await.status, 401);
        assert_eq!(refusals(EventKind::ClientRefused).await.len(), 2, "a minute is a minute");
        app.advance(1);
        assert_eq!(crate::support::client::send(wrong("/token", "x")).await.status, 401);
        let found = refusals(EventKind::ClientRefused).await;
        assert_eq!((found.len(), &found[0].detail["left_out"]), (3, &json!(10)), "{:?}", found[0]);
        // Who is nobody's client leaves no trace: there are as many of those as anybody likes.
        let unknown = crate::support::browser::http().post(app.url("/token")).basic_auth("nobody", Some("wrong"));
        crate::support::client::send(unknown.form(&[("grant_type", "client_credentials")])).await;
        assert_eq!(refusals(EventKind::ClientRefused).await.len(), 3);

        let user = app.user("alice").await;
        let browser = crate::support::Browser::new();
        let page = browser.visit(&app.url("/login")).await;
        browser.sign_in(&page, "alice", "alice").await;
        assert_eq!(browser.get(&app.url("/admin/sign-in")).await.status, 200);
        assert_eq!(refusals(EventKind::AdminRefused).await.len(), 0, "who only asks for the way in was not refused");
        for _ in 0..3 {
            assert_eq!(browser.get(&app.url("/admin")).await.status, 403);
        }
        let found = refusals(EventKind::AdminRefused).await;
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((&found[0].actor, &found[0].subject), (&Actor::User(user.id.clone()), &None));
        // A token that acts for somebody: the client asks, and it is said for whom.
        let tokens = client.tokens("alice", &[]).await;
        let request = crate::support::browser::http().get(app.url("/api/admin/v1/users"));
        assert_eq!(crate::support::client::send(request.bearer_auth(tokens.text("access_token"))).await.status, 403);
        let found = refusals(EventKind::AdminRefused).await;
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.iter().any(|event| event.actor == Actor::Client(client.id().to_owned()) && event.subject.as_ref() == Some(&user.id)), "{found:?}");
    }

    async fn each_network_has_an_event_of_its_own(app: TestApp) {
        let client = app.confidential_client().await;
        let from = |address: &str| {
            let event = app.app.event(EventKind::ClientRefused).refused().client(client.id());
            Event { address: Some(address.to_owned()), ..event }
        };
        for address in ["192.0.2.1", "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"] {
            record_seldom(&app.app, from(address)).await.unwrap();
        }
        let found = of_kind(&app, EventKind::ClientRefused).await;
        let mut addresses: Vec<&str> = found.iter().filter_map(|event| event.address.as_deref()).collect();
        addresses.sort_unstable();
        assert_eq!(addresses, ["192.0.2.1", "192.0.2.2", "2001:db8:0:1::1", "2001:db8::1"]);
        // Another node knows what is recorded, and not what this one has left out.
        let other = app.second_node().await;
        record_seldom(&other, from("192.0.2.1")).await.unwrap();
        assert_eq!(of_kind(&app, EventKind::ClientRefused).await.len(), 4);
        app.advance(60);
        record_seldom(&app.app, from("192.0.2.1")).await.unwrap();
        let found = of_kind(&app, EventKind::ClientRefused).await;
        assert_eq!(found.last().unwrap().detail["left_out"], 1, "{found:?}");
    }
}
