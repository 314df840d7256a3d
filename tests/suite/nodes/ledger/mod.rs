//! Load on a cluster while something dies, and a ledger of everything that was acknowledged.
//!
//! A request that is answered with 503, or not at all, was not acknowledged: whoever sent it does not know what came of it,
//! and finds out by sending it again. Every other answer that is not the expected one ends the test.

mod administration;
mod relay;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::cli::person::{Answer, Application, CALLBACK, Person, authorization_url, hidden, parameter, text};
use crate::nodes::cluster::{Cluster, SIZE, fresh_http};
use crate::nodes::flows::error;
use crate::support::process::PATIENCE;

/// How many do the same at once.
const WRITERS: usize = 5;
/// How many programs register: fewer than one network may.
const REGISTRATIONS: usize = 12;
const SCOPE: &str = "openid offline_access";
/// Time between two attempts at something that was not acknowledged.
const PAUSE: Duration = Duration::from_millis(20);

/// What came of one code.
#[derive(Clone, Debug, Default)]
struct Chain {
    /// How often redeeming it succeeded
    redeemed: usize,
    /// Somebody has redeemed it and does not know what came of it
    is_in_doubt: bool,
    /// The newest tokens
    access_token: Option<String>,
    refresh_token: Option<String>,
    /// It was revoked, and that was acknowledged
    is_revoked: bool,
}

/// What was acknowledged.
#[derive(Default)]
struct Known {
    /// By the code with which it began
    chains: BTreeMap<String, Chain>,
    /// Of each refresh token that was used, its successor
    successors: BTreeMap<String, String>,
    /// Where registrations are looked at, and with which token
    registrations: Vec<(String, String)>,
    /// Whether the client `asks` has a consent; `None` when nobody knows
    consent: Option<bool>,
    /// Callbacks by their state
    callbacks: BTreeMap<String, relay::Callback>,
    /// What an operator has made
    clients: Vec<administration::Registered>,
}

/// The ledger of a cluster under load.
#[derive(Default)]
pub struct Ledger {
    known: Mutex<Known>,
    acknowledged: AtomicUsize,
    is_over: AtomicBool,
}

impl Ledger {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().expect("no panic while locked")
    }

    fn note<T>(&self, note: impl FnOnce(&mut Known) -> T) -> T {
        self.acknowledged.fetch_add(1, Ordering::SeqCst);
        note(&mut self.known())
    }

    fn goes_on(&self) -> bool {
        !self.is_over.load(Ordering::SeqCst)
    }

    /// Waits until so much more has been acknowledged.
    pub async fn await_more(&self, count: usize) {
        let until = self.acknowledged.load(Ordering::SeqCst) + count;
        let waiting = async {
            while self.acknowledged.load(Ordering::SeqCst) < until {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        assert!(waited.is_ok(), "nothing is acknowledged any more");
    }
}

/// The answer, unless it is not known what came of the request.
fn acknowledged(outcome: Result<Answer, reqwest::Error>) -> Option<Answer> {
    outcome.ok().filter(|(status, _)| *status != StatusCode::SERVICE_UNAVAILABLE)
}

/// Sends something again until it is acknowledged.
async fn insist<F: Future<Output = Result<Answer, reqwest::Error>>>(send: impl Fn() -> F) -> Answer {
    let insisting = async {
        loop {
            if let Some(answer) = acknowledged(send().await) {
                return answer;
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::time::timeout(PATIENCE, insisting).await.expect("the nodes come back")
}

async fn answer(request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
    let answer = request.send().await?;
    let status = answer.status();
    let body = answer.text().await?;
    Ok((status, serde_json::from_str(&body).unwrap_or(Value::String(body))))
}

/// A load that runs until it is told to stop.
pub struct Load {
    pub ledger: Arc<Ledger>,
    tasks: JoinSet<()>,
    /// The secret of who collects callbacks
    collector: String,
}

impl Load {
    /// Begins. Alice is signed in before anything dies; that her session is not lost is seen by every code.
    pub async fn begin(cluster: &Cluster) -> Self {
        let asks = [
            "client",
            "add",
            "Asks",
            "--kind",
            "native",
            "--id",
            "asks",
            "--redirect-uri",
            CALLBACK,
        ];
        cluster.sandbox.run(&asks).done();
        let alice = cluster.alice();
        alice.authorize("app", "openid").await.expect("a sign-in");
        let ledger = Arc::<Ledger>::default();
        let mut tasks = JoinSet::new();
        for writer in 0..WRITERS {
            tasks.spawn(write(writer, cluster.issuer(), alice.clone(), cluster.app(), Arc::clone(&ledger)));
        }
        tasks.spawn(register(cluster.issuer(), Arc::clone(&ledger)));
        tasks.spawn(consent(cluster.issuer(), alice, Arc::clone(&ledger)));
        tasks.spawn(administration::administer(cluster.issuer(), Arc::clone(&ledger)));
        let collector = cluster.sandbox.service_client(relay::COLLECTOR, "relay", &[]);
        tasks.spawn(relay::relay(cluster.issuer(), collector.clone(), Arc::clone(&ledger)));
        Self { ledger, tasks, collector }
    }

    /// Stops, and waits until everybody has. Then everything that was acknowledged is there, nothing is accepted a second time, and
    /// every node works.
    pub async fn end(mut self, cluster: &Cluster) {
        self.ledger.is_over.store(true, Ordering::SeqCst);
        while let Some(task) = self.tasks.join_next().await {
            if let Err(error) = task {
                std::panic::resume_unwind(error.into_panic());
            }
        }
        self.ledger.verify(cluster).await;
        let (callbacks, clients) = {
            let known = self.ledger.known();
            (known.callbacks.clone(), known.clients.clone())
        };
        relay::verify(&callbacks, &self.collector, cluster).await;
        administration::verify(&clients, cluster).await;
        cluster.assert_audit_is_whole();
    }
}

/// A code for somebody who is signed in, if that was acknowledged.
async fn code(http: &Client, issuer: &str) -> Option<String> {
    let answer = http.get(authorization_url(issuer, "app", SCOPE)).send().await.ok()?;
    if answer.status() == StatusCode::SERVICE_UNAVAILABLE {
        return None;
    }
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{:?}", answer.text().await);
    let location = reqwest::Url::parse(answer.headers()["location"].to_str().expect("a location")).expect("a URL");
    Some(parameter(&location, "code").unwrap_or_else(|| panic!("the session is lost: {location}")))
}

/// Codes, redeemed and refreshed; every third chain is revoked, and every fifth code is kept.
async fn write(writer: usize, issuer: String, alice: Person, app: Application, ledger: Arc<Ledger>) {
    let mut turn = writer;
    while ledger.goes_on() {
        let Some(code) = code(&alice.http, &issuer).await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        ledger.note(|known| known.chains.insert(code.clone(), Chain::default()));
        turn += 1;
        if turn.is_multiple_of(5) {
            continue;
        }
        let Some((status, tokens)) = acknowledged(app.redeem(&code).await) else {
            // Sent again it would end what it may have begun; it is looked at when all is over.
            ledger.known().chains.get_mut(&code).expect("the chain").is_in_doubt = true;
            continue;
        };
        assert_eq!(status, StatusCode::OK, "{tokens}");
        let mut refresh_token = text(&tokens, "refresh_token");
        ledger.note(|known| {
            let chain = known.chains.get_mut(&code).expect("the chain");
            chain.redeemed += 1;
            chain.refresh_token = Some(refresh_token.clone());
        });
        for _ in 0..3 {
            let (status, answer) = insist(|| app.refresh(&refresh_token)).await;
            assert_eq!(status, StatusCode::OK, "an acknowledged refresh token is dead: {answer}");
            let successor = text(&answer, "refresh_token");
            ledger.note(|known| {
                known.successors.insert(refresh_token.clone(), successor.clone());
                let chain = known.chains.get_mut(&code).expect("the chain");
                chain.refresh_token = Some(successor.clone());
                chain.access_token = Some(text(&answer, "access_token"));
            });
            refresh_token = successor;
        }
        if turn.is_multiple_of(3) {
            let (status, answer) = insist(|| revoke(&app, &refresh_token)).await;
            assert_eq!(status, StatusCode::OK, "{answer}");
            ledger.note(|known| known.chains.get_mut(&code).expect("the chain").is_revoked = true);
        }
    }
}

async fn revoke(app: &Application, token: &str) -> Result<Answer, reqwest::Error> {
    app.post("/revoke", &[("token", token)]).await
}

/// Programs that register, now and then.
async fn register(issuer: String, ledger: Arc<Ledger>) {
    let http = fresh_http();
    let wanted = json!({ "client_name": "Agent", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none" });
    for _ in 0..REGISTRATIONS {
        if !ledger.goes_on() {
            return;
        }
        let request = http.post(format!("{issuer}/register")).json(&wanted);
        if let Some((status, made)) = acknowledged(answer(request).await) {
            assert_eq!(status, StatusCode::CREATED, "{made}");
            let place = (text(&made, "client_id"), text(&made, "registration_access_token"));
            ledger.note(|known| known.registrations.push(place));
        }
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
}

/// What the client `asks` is answered: `Some(true)` when the person was asked for consent, and gave it.
async fn ask(http: &Client, issuer: &str) -> Option<bool> {
    let mut url = authorization_url(issuer, "asks", SCOPE);
    for _ in 0..4 {
        let answer = http.get(&url).send().await.ok()?;
        let status = answer.status();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            return None;
        }
        if status == StatusCode::SEE_OTHER {
            let location = answer.headers()["location"].to_str().expect("a location").to_owned();
            let next = answer.url().join(&location).expect("a location");
            if parameter(&next, "code").is_some() {
                return Some(false);
            }
            url = next.into();
            continue;
        }
        let at = answer.url().clone();
        let page = answer.text().await.ok()?;
        assert_eq!((status, at.path()), (StatusCode::OK, "/consent"), "{page}");
        let form = [
            ("csrf", hidden(&page, "csrf")),
            ("interaction", hidden(&page, "interaction")),
            ("decision", "allow".to_owned()),
        ];
        let given = http.post(at).form(&form).send().await.ok()?;
        let status = given.status();
        assert!(
            status == StatusCode::SEE_OTHER || status == StatusCode::SERVICE_UNAVAILABLE,
            "{status} {:?}",
            given.text().await
        );
        return (status == StatusCode::SEE_OTHER).then_some(true);
    }
    panic!("the pages lead nowhere");
}

/// A person who consents and takes it back, again and again.
async fn consent(issuer: String, alice: Person, ledger: Arc<Ledger>) {
    while ledger.goes_on() {
        let before = ledger.known().consent;
        match ask(&alice.http, &issuer).await {
            Some(was_asked) => {
                assert!(
                    before.is_none_or(|is_there| is_there != was_asked),
                    "an acknowledged consent is lost, or back"
                );
                ledger.note(|known| known.consent = Some(true));
            }
            None => ledger.known().consent = None,
        }
        tokio::time::sleep(PAUSE).await;
        match remove_application(&alice.http, &issuer).await {
            Some(()) => ledger.note(|known| known.consent = Some(false)),
            None => ledger.known().consent = None,
        }
    }
}

/// Takes the consent of `asks` back on the person's own page, if that was acknowledged.
async fn remove_application(http: &Client, issuer: &str) -> Option<()> {
    let place = format!("{issuer}/account/applications/remove?client=asks");
    let answer = http.get(&place).send().await.ok()?;
    let status = answer.status();
    if status == StatusCode::SERVICE_UNAVAILABLE {
        return None;
    }
    let page = answer.text().await.ok()?;
    if status == StatusCode::NOT_FOUND {
        // There is none, whoever has taken it back.
        return Some(());
    }
    assert_eq!(status, StatusCode::OK, "{page}");
    let form = [("csrf", hidden(&page, "csrf")), ("client", "asks".to_owned())];
    let done = http.post(&place).form(&form).send().await.ok()?;
    (done.status() == StatusCode::SEE_OTHER).then_some(())
}

impl Ledger {
    async fn verify(&self, cluster: &Cluster) {
        let app = cluster.app();
        let (chains, successors) = {
            let known = self.known();
            (known.chains.clone(), known.successors.clone())
        };
        let in_doubt = chains.values().filter(|chain| chain.is_in_doubt).count();
        let revoked = chains.values().filter(|chain| chain.is_revoked).count();
        println!(
            "{} codes, {in_doubt} in doubt, {revoked} revoked, {} refreshes",
            chains.len(),
            successors.len()
        );
        assert!(revoked > 0 && successors.len() > revoked);
        for (at, (code, chain)) in chains.iter().enumerate() {
            let node = app.asking(&cluster.at(at % SIZE));
            assert!(chain.redeemed <= 1, "a code was good twice");
            if let Some(token) = &chain.refresh_token {
                let (status, answer) = node.refresh(token).await.unwrap();
                if chain.is_revoked {
                    assert_eq!(
                        (status, error(&answer)),
                        (StatusCode::BAD_REQUEST, "invalid_grant"),
                        "a revocation is lost"
                    );
                } else {
                    assert_eq!(status, StatusCode::OK, "an acknowledged refresh token is dead: {answer}");
                }
            }
            if let Some(token) = &chain.access_token {
                let http = fresh_http();
                let userinfo = http.get(format!("{}/userinfo", cluster.at((at + 1) % SIZE))).bearer_auth(token);
                let (status, _) = answer(userinfo).await.unwrap();
                assert_eq!(status == StatusCode::OK, !chain.is_revoked, "{status}");
            }
            // A code that nobody has redeemed is good for once, if it is young enough, and every other one for nothing.
            let (status, answer) = node.redeem(code).await.unwrap();
            if chain.redeemed > 0 || status != StatusCode::OK {
                assert_eq!(
                    (status, error(&answer)),
                    (StatusCode::BAD_REQUEST, "invalid_grant"),
                    "a used code is good again"
                );
            }
            let (status, _) = app.asking(&cluster.at((at + 2) % SIZE)).redeem(code).await.unwrap();
            assert_eq!(status, StatusCode::BAD_REQUEST, "a code is good twice");
        }
        self.verify_the_rest(cluster).await;
    }

    async fn verify_the_rest(&self, cluster: &Cluster) {
        let (registrations, consent) = {
            let known = self.known();
            (known.registrations.clone(), known.consent)
        };
        assert!(!registrations.is_empty());
        for (at, (id, token)) in registrations.iter().enumerate() {
            let place = format!("{}/register/{id}", cluster.at(at % SIZE));
            let (status, shown) = answer(fresh_http().request(Method::GET, place).bearer_auth(token)).await.unwrap();
            assert_eq!(status, StatusCode::OK, "a registration is lost: {shown}");
        }
        // Everything works again, at each node, without anybody's help.
        for node in 0..SIZE {
            let person = Person::new(&cluster.at(node), "alice", crate::cli::person::PASSWORD).through(fresh_http());
            let app = cluster.app().asking(&cluster.at(node));
            let url = authorization_url(&cluster.at(node), "app", SCOPE);
            let page = person.http.get(url).send().await.expect("an answer");
            assert_eq!(page.status(), StatusCode::SEE_OTHER);
            let (status, _) = app.redeem("ghc_nothing").await.expect("an answer");
            assert_eq!(status, StatusCode::BAD_REQUEST);
        }
        let alice = cluster.alice();
        alice.authorize("app", "openid").await.expect("a sign-in");
        let was_asked = ask(&alice.http, &cluster.issuer()).await.expect("an answer");
        assert!(
            consent.is_none_or(|is_there| is_there != was_asked),
            "an acknowledged consent is lost, or back"
        );
    }
}
