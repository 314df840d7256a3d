//! A database may undo any transaction in favour of another one, while it runs or when it commits, and ask to begin it again: engines
//! that are distributed do so whenever two write the same. Requests are answered all the same, and what they do is done once.

use std::collections::BTreeMap;

use gatehouse::audit;
use gatehouse::model::event::EventFilter;
use gatehouse::model::signing_key::SigningAlgorithm;
use gatehouse::oauth::applications;
use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::token_request::GrantType;
use serde_json::json;

use crate::flows::registration::registered;
use crate::relay::{Program, come_back};
use crate::support::assertion::{self, ClientKey, fields};
use crate::support::browser::{Browser, http};
use crate::support::client::send;
use crate::support::database::{Database, execute};
use crate::support::{TestApp};

/// When the database undoes a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    /// Never
    Never,
    /// At the statement that writes
    AtOnce,
    /// At the end
    AtCommit,
}

/// What the database does once, the next time somebody does this to a table. (What a sequence has given is not undone.)
struct Undoing<'a> {
    app: &'a TestApp,
    when: When,
    last: Option<&'static str>,
    so_far: u64,
}

impl<'a> Undoing<'a> {
    async fn of(app: &'a TestApp, when: When) -> Self {
        let url = app.database_url();
        execute(&url, "CREATE SEQUENCE undoings".to_owned()).await;
        let function = "CREATE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF nextval('undoings') = 1 THEN RAISE EXCEPTION 'somebody else was preferred' USING ERRCODE = '40001'; END IF; \
             IF TG_OP = 'DELETE' THEN RETURN OLD; END IF; RETURN NEW; END $$";
        execute(&url, function.to_owned()).await;
        Self {
            app,
            when,
            last: None,
            so_far: 0,
        }
    }

    async fn next(&mut self, operation: &str, table: &'static str) {
        self.check();
        let statement = match self.when {
            When::Never => return,
            When::AtOnce => format!("CREATE TRIGGER undo BEFORE {operation} ON {table} FOR EACH ROW EXECUTE FUNCTION undo()"),
            When::AtCommit => format!(
                "CREATE CONSTRAINT TRIGGER undo AFTER {operation} ON {table} DEFERRABLE INITIALLY DEFERRED \
                 FOR EACH ROW EXECUTE FUNCTION undo()"
            ),
        };
        let url = self.app.database_url();
        if let Some(last) = self.last.replace(table) {
            execute(&url, format!("DROP TRIGGER undo ON {last}")).await;
        }
        execute(&url, "ALTER SEQUENCE undoings RESTART WITH 1".to_owned()).await;
        execute(&url, statement).await;
        self.so_far += 1;
    }

    /// What was to be undone was.
    fn check(&self) {
        assert_eq!(self.app.app.store.measures().undone.value(), self.so_far, "{:?}", self.last);
    }
}

/// How many events of each kind there are, and how many lanes they are in.
#[derive(Debug, PartialEq, Eq)]
struct Left {
    events: BTreeMap<String, usize>,
    lanes: u64,
}

/// Everything that begins again, once; what it leaves behind.
async fn everything(when: When) -> Left {
    let app = TestApp::start(Database::Postgres).await;
    let alice = app.user("alice").await;
    let web = app.confidential_client().await;
    let program = Program::of(&app).await;
    let key = ClientKey::new(SigningAlgorithm::Es256);
    let machine = app
        .client(AuthMethod::PrivateKeyJwt, |new| {
            new.grant_types.push(GrantType::ClientCredentials);
            new.jwks = Some(json!({ "keys": [key.jwk] }));
        })
        .await;
    let mut undoing = Undoing::of(&app, when).await;

    let browser = Browser::new();
    let page = browser.visit(&web.authorize_url(&[("scope", "openid offline_access")])).await;
    undoing.next("INSERT", "events").await;
    let page = browser.sign_in(&page, "alice", "not her password").await;
    assert_eq!(page.status, 401, "{}", page.body);
    undoing.next("INSERT", "sessions").await;
    let page = browser.sign_in(&page, "alice", "alice").await;
    let page = browser.follow(page).await;
    undoing.next("INSERT", "grants").await;
    let page = browser.decide(&page, "allow").await;
    let code = page.answer("code").unwrap_or_else(|| panic!("{} {}", page.status, page.body));
    undoing.next("UPDATE", "grants").await;
    let tokens = web.redeem(&code).await;
    assert_eq!(tokens.status, 200, "{}", tokens.body);
    undoing.next("UPDATE", "grants").await;
    let refreshed = web.refresh(tokens.text("refresh_token")).await;
    assert_eq!(refreshed.status, 200, "{}", refreshed.body);
    let access_token = refreshed.text("access_token");
    undoing.next("INSERT", "revoked_tokens").await;
    assert_eq!(web.revoke(access_token).await.status, 200);
    assert_eq!(web.introspect(access_token).await.body["active"], false);
    undoing.next("UPDATE", "grants").await;
    assert_eq!(web.revoke(refreshed.text("refresh_token")).await.status, 200);
    assert_eq!(web.refresh(refreshed.text("refresh_token")).await.error(), "invalid_grant");
    undoing.next("DELETE", "consents").await;
    applications::withdraw(&app.app, &alice.id, web.id()).await.unwrap();
    app.advance(120);
    undoing.next("UPDATE", "sessions").await;
    let page = browser.visit(&app.url("/logout")).await;
    undoing.next("DELETE", "sessions").await;
    assert_eq!(browser.submit(&page, &[]).await.status, 303);

    undoing.next("INSERT", "clients").await;
    registered(&app, &json!({ "redirect_uris": ["https://app.example/callback"] })).await;
    undoing.next("INSERT", "client_assertions").await;
    let signed = key.sign("ES256", &assertion::claims(&app, machine.id()));
    let mut form = vec![("grant_type", "client_credentials")];
    form.extend(fields(&signed));
    let answer = send(http().post(app.url("/token")).form(&form)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);

    undoing.next("INSERT", "callbacks").await;
    let state = program.state(json!({})).await;
    undoing.next("UPDATE", "callbacks").await;
    assert_eq!(come_back(&app, &browser, &state, "the-code").await.status, 200);
    undoing.next("UPDATE OR DELETE", "callbacks").await;
    assert_eq!(program.collect(&state).await.text("auth_code"), "the-code");
    undoing.check();

    let summary = audit::verify(&app.app).await.unwrap().expect("the audit log is whole");
    let all = app.app.store.read().await.unwrap().events(&EventFilter::default(), None, 500).await.unwrap();
    let mut events = BTreeMap::new();
    for event in all {
        *events.entry(event.kind.as_str().to_owned()).or_default() += 1;
    }
    app.stop().await;
    Left {
        events,
        lanes: summary.lanes,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_undone_is_begun_again_and_done_once() {
    let as_usual = everything(When::Never).await;
    assert_eq!(everything(When::AtOnce).await, as_usual);
    assert_eq!(everything(When::AtCommit).await, as_usual);
}
