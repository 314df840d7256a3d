//! A database may undo any transaction in favour of another one, while it runs or when it commits, and ask to begin it again: engines
//! that are distributed do so whenever two write the same. Requests are answered all the same, and what they do is done once.

use std::collections::BTreeMap;

use gatehouse::audit;
use gatehouse::model::event::{EventFilter, EventKind};
use gatehouse::model::signing_key::SigningAlgorithm;
use gatehouse::oauth::applications;
use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::token_request::GrantType;
use serde_json::json;

use crate::api::{operator, signed_in};
use crate::flows::registration::registered;
use crate::relay::{Program, come_back, place};
use crate::support::TestApp;
use crate::support::assertion::{self, ClientKey, fields};
use crate::support::browser::{Browser, http};
use crate::support::client::send;
use crate::support::database::{Database, execute};
use crate::vault::flow::{question, world};

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

/// What nothing begins again but what is around every handler: administration, and what people, clients and programs seldom do.
async fn whole_requests(app: &TestApp, program: &Program, undoing: &mut Undoing<'_>) {
    let operator = operator(app).await;
    let client = json!({ "client_id": "made", "client_name": "Made", "redirect_uris": ["https://made.example/callback"] });
    undoing.next("INSERT", "clients").await;
    let made = operator.post("/clients", &client).await;
    assert_eq!(made.status, 201, "{}", made.body);
    undoing.next("UPDATE", "clients").await;
    let changed = operator
        .having_seen("\"1\"")
        .patch("/clients/made", &json!({ "client_name": "Changed" }))
        .await;
    assert_eq!((changed.status, changed.header("etag")), (200, "\"2\""), "{}", changed.body);
    undoing.next("DELETE", "clients").await;
    assert_eq!(operator.having_seen("\"2\"").delete("/clients/made").await.status, 204);
    undoing.next("INSERT", "users").await;
    let carol = operator.post("/users", &json!({ "username": "carol" })).await;
    assert_eq!(carol.status, 201, "{}", carol.body);
    undoing.next("INSERT", "scopes").await;
    let scope = operator.put("/scopes/calendar", &json!({ "description": "Your calendar" })).await;
    assert_eq!(scope.status, 201, "{}", scope.body);

    let (here, there) = (Browser::new(), Browser::new());
    signed_in(app, &here, "alice").await;
    signed_in(app, &there, "alice").await;
    let page = here.visit(&app.url("/account/profile")).await;
    undoing.next("UPDATE", "users").await;
    let answer = here.submit(&page, &[("name", "Alice Adams")]).await;
    assert_eq!(answer.location(), Some(app.url("/account/profile?done=saved")), "{}", answer.body);
    undoing.next("DELETE", "sessions").await;
    let csrf = here.visit(&app.url("/account/profile")).await.field("csrf");
    let fields = [("csrf", csrf.as_str()), ("end", "others")];
    let answer = here.post(&app.url("/account/sessions"), &fields).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert_ne!(there.get(&app.url("/account")).await.status, 200, "it was ended");

    let own = registered(app, &json!({ "redirect_uris": ["https://own.example/callback"] })).await;
    undoing.next("DELETE", "clients").await;
    let removal = http()
        .delete(own.text("registration_client_uri"))
        .bearer_auth(own.text("registration_access_token"));
    assert_eq!(send(removal).await.status, 204);
    let state = program.state(json!({})).await;
    undoing.next("UPDATE OR DELETE", "callbacks").await;
    let forgetting = program.request(reqwest::Method::DELETE, &place(&state));
    assert_eq!(send(forgetting).await.status, 204);
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
    whole_requests(&app, &program, &mut undoing).await;
    undoing.check();

    let summary = audit::verify(&app.app).await.unwrap().expect("the audit log is whole");
    let all = app
        .app
        .store
        .read()
        .await
        .unwrap()
        .events(&EventFilter::default(), None, 500)
        .await
        .unwrap();
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

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_was_undone_is_asked_once_and_taken_back_once() {
    for when in [When::AtOnce, When::AtCommit] {
        let world = world(TestApp::start(Database::Postgres).await).await;
        let token = world.workload_token("agent", &world.alice).await;
        let mut undoing = Undoing::of(&world.app, when).await;
        undoing.next("INSERT", "connection_sessions").await;
        let request = http().post(world.app.url("/api/vault/token")).bearer_auth(&token);
        let (_, session) = question(&send(request.json(&json!({ "provider": "there" }))).await);
        undoing.next("UPDATE", "connection_sessions").await;
        let request = http()
            .delete(world.app.url("/api/vault/session"))
            .query(&[("uri", session.as_str())]);
        assert_eq!(send(request.bearer_auth(&token)).await.status, 204);
        undoing.check();
        for kind in [EventKind::ConnectionAsked, EventKind::ConnectionCancelled] {
            assert_eq!(world.events(kind).await.len(), 1, "{when:?}: {kind:?}");
        }
        world.app.stop().await;
    }
}
