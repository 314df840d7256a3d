//! Servers get a new secret one by one, and nobody notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use reqwest::StatusCode;
use tokio::sync::RwLock;
use tokio::task::JoinSet;

use super::{is_log_intact, opaque_client, own_token, stop};
use crate::cli::crash::populate;
use crate::cli::database::{Database, Kind};
use crate::cli::person::{Application, PASSWORD, Person, authorization_url, browser, parameter, text};
use crate::support::process::{APP_SECRET, Sandbox, Server};

const NEW: &str = "the-secret-that-takes-its-place-of-more-than-32-characters";
const ADMIN_TOKEN: &str = "an-admin-token-that-nobody-guesses";
const WRITERS: usize = 4;

/// Where requests go. Whoever holds it for reading is in the middle of one.
type Route = Arc<RwLock<String>>;

struct Load {
    routes: Vec<Route>,
    rounds: Vec<Arc<AtomicU64>>,
    is_done: Arc<AtomicBool>,
    writers: JoinSet<()>,
}

/// What one client, its person and an operator do all day.
async fn work(route: Route, secret: String, rounds: Arc<AtomicU64>, is_done: Arc<AtomicBool>) {
    let first = route.read().await.clone();
    let person = Person::new(&first, "alice", PASSWORD);
    let code = person.authorize("app", "openid offline_access").await.unwrap();
    let (_, answer) = Application::public(&first, "app").redeem(&code).await.unwrap();
    let mut refresh_token = text(&answer, "refresh_token");
    let mut opaque = own_token(&Application::confidential(&first, "job", &secret)).await;
    while !is_done.load(Ordering::SeqCst) {
        {
            let at = route.read().await;
            let (status, answer) = Application::public(&at, "app").refresh(&refresh_token).await.unwrap();
            assert_eq!(status, StatusCode::OK, "{answer}");
            refresh_token = text(&answer, "refresh_token");
        }
        {
            let at = route.read().await;
            let job = Application::confidential(&at, "job", &secret);
            assert!(job.is_active(&opaque).await, "a token of another node, or from before");
            opaque = own_token(&job).await;
        }
        {
            let at = route.read().await;
            let mine = person.at(&at);
            let silent = format!("{}&prompt=none", authorization_url(&at, "app", "openid"));
            let callback = mine.follow(&silent).await.unwrap();
            assert!(parameter(&callback, "code").is_some(), "the session is gone: {callback}");
        }
        {
            let at = route.read().await;
            let asked = browser()
                .get(format!("{at}/api/admin/v1/stats"))
                .header("X-Admin-Token", ADMIN_TOKEN);
            assert_eq!(asked.send().await.unwrap().status(), StatusCode::OK);
        }
        rounds.fetch_add(1, Ordering::SeqCst);
    }
}

impl Load {
    fn start(at: &[String], secret: &str) -> Self {
        let mut load = Self {
            routes: at.iter().map(|at| Arc::new(RwLock::new(at.clone()))).collect(),
            rounds: Vec::new(),
            is_done: Arc::default(),
            writers: JoinSet::new(),
        };
        for number in 0..WRITERS {
            let rounds: Arc<AtomicU64> = Arc::default();
            let route = Arc::clone(&load.routes[number % at.len()]);
            load.rounds.push(Arc::clone(&rounds));
            load.writers
                .spawn(work(route, secret.to_owned(), rounds, Arc::clone(&load.is_done)));
        }
        load
    }

    /// Sends everybody to these places, after what they are doing now.
    async fn lead(&self, to: &[&String]) {
        for (route, to) in self.routes.iter().zip(to) {
            (*to).clone_into(&mut *route.write().await);
        }
    }

    /// Waits until everybody has done everything twice more: what they had at first they do not have any more.
    async fn go_on(&mut self) {
        let before: Vec<u64> = self.rounds.iter().map(|rounds| rounds.load(Ordering::SeqCst)).collect();
        let is_behind = |load: &Self| {
            load.rounds
                .iter()
                .zip(&before)
                .any(|(now, before)| now.load(Ordering::SeqCst) < before + 2)
        };
        while is_behind(self) {
            if let Some(ended) = self.writers.try_join_next() {
                ended.expect("somebody noticed");
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    async fn end(mut self) {
        self.is_done.store(true, Ordering::SeqCst);
        while let Some(ended) = self.writers.join_next().await {
            ended.expect("somebody noticed");
        }
    }
}

/// Two servers, of which one at a time is started again with other settings while the other has all the work.
struct Pair {
    sandboxes: [Sandbox; 2],
    servers: [Option<Server>; 2],
    places: [String; 2],
}

impl Pair {
    async fn restart(&mut self, load: &Load, changes: &[(&str, Option<&str>)]) {
        for (this, other) in [(0, 1), (1, 0)] {
            load.lead(&[&self.places[other], &self.places[other]]).await;
            stop(self.servers[this].take().unwrap());
            let mut sandbox = std::mem::replace(&mut self.sandboxes[this], Sandbox::bare());
            for (name, value) in changes {
                sandbox = match value {
                    Some(value) => sandbox.with(name, value),
                    None => sandbox.without(name),
                };
            }
            self.servers[this] = Some(sandbox.serve());
            self.sandboxes[this] = sandbox;
        }
        load.lead(&[&self.places[0], &self.places[1]]).await;
    }
}

async fn nobody_notices(kind: Kind) {
    let (_database, sandbox) = Database::sandbox(kind).await;
    let sandbox = sandbox.with("ADMIN_TOKEN", ADMIN_TOKEN);
    populate(&sandbox);
    let sandboxes = [sandbox.node(), sandbox.node()];
    let places = [0, 1].map(|at: usize| format!("http://{}", sandboxes[at].address()));
    let secret = {
        let application = opaque_client(&sandbox, &places[0]);
        application.secret().to_owned()
    };
    let servers = [Some(sandboxes[0].serve()), Some(sandboxes[1].serve())];
    let mut pair = Pair {
        sandboxes,
        servers,
        places,
    };
    let mut load = Load::start(&pair.places, &secret);
    load.go_on().await;

    // 1. Everybody accepts the next one.
    pair.restart(&load, &[("APP_SECRET_NEXT", Some(NEW))]).await;
    load.go_on().await;
    let operator = pair.sandboxes[0]
        .node()
        .with("APP_SECRET", NEW)
        .with("APP_SECRET_PREVIOUS", APP_SECRET)
        .without("APP_SECRET_NEXT");
    let refusal = operator.run(&["secret", "rotate"]);
    assert!(
        refusal.stderr.contains("restart every server"),
        "too early: {}{}",
        refusal.stdout,
        refusal.stderr
    );
    // 2. Everybody seals with it.
    let switch = [
        ("APP_SECRET", Some(NEW)),
        ("APP_SECRET_PREVIOUS", Some(APP_SECRET)),
        ("APP_SECRET_NEXT", None),
    ];
    pair.restart(&load, &switch).await;
    load.go_on().await;
    let said = operator.run(&["doctor"]).stdout;
    assert!(
        said.contains("still sealed with the previous secret") && said.contains("signing keys"),
        "{said}"
    );
    // 3. So does the database.
    let said = operator.run(&["secret", "rotate"]).done();
    assert!(
        said.contains("Sealed anew: 3 signing keys.") && said.contains("Nothing in the database"),
        "{said}"
    );
    load.go_on().await;
    let said = operator.run(&["doctor"]).stdout;
    assert!(said.contains("nothing is sealed with the previous secret any more"), "{said}");
    // 4. The old one goes.
    pair.restart(&load, &[("APP_SECRET_PREVIOUS", None)]).await;
    load.go_on().await;
    load.end().await;
    let refusal = sandbox.run(&["user", "list"]).refused();
    assert!(refusal.contains("was replaced by another one"), "{refusal}");
    let operator = operator.without("APP_SECRET_PREVIOUS");
    assert!(is_log_intact(&operator));
    assert!(
        operator
            .run(&["secret", "rotate"])
            .refused()
            .contains("there is no previous secret")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_notices_on_postgres() {
    nobody_notices(Kind::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_notices_on_mysql() {
    nobody_notices(Kind::MySql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_of_a_server_with_sqlite_is_replaced_in_two_steps() {
    let (database, sandbox) = Database::sandbox(Kind::Sqlite).await;
    let sandbox = sandbox.without("APP_SECRET").with("ADMIN_TOKEN", ADMIN_TOKEN);
    populate(&sandbox);
    let place = sandbox.issuer();
    let secret = opaque_client(&sandbox, &place).secret().to_owned();
    let server = sandbox.serve();
    let mut load = Load::start(std::slice::from_ref(&place), &secret);
    load.go_on().await;
    let (file, previous) = (sandbox.file("gatehouse.secret"), sandbox.file("gatehouse.secret.previous"));
    let old = std::fs::read_to_string(&file).unwrap();
    let said = sandbox.run(&["secret", "rotate"]).done();
    assert!(said.contains("Restart the server"), "{said}");
    let new = std::fs::read_to_string(&file).unwrap();
    assert_eq!(std::fs::read_to_string(&previous).unwrap(), old);
    assert_ne!(new, old);
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let refusal = sandbox.run(&["secret", "rotate"]);
    assert!(
        refusal.stderr.contains("restart every server"),
        "{}{}",
        refusal.stdout,
        refusal.stderr
    );
    load.go_on().await;

    // Nobody asks while the one server is away.
    let held = load.routes[0].write().await;
    stop(server);
    let server = sandbox.serve();
    drop(held);
    load.go_on().await;
    let said = sandbox.run(&["secret", "rotate"]).done();
    assert!(
        said.contains("Nothing in the database") && said.contains("gatehouse.secret.previous"),
        "{said}"
    );
    load.go_on().await;
    std::fs::remove_file(&previous).unwrap();
    let held = load.routes[0].write().await;
    stop(server);
    let server = sandbox.serve();
    drop(held);
    load.go_on().await;
    load.end().await;
    stop(server);
    assert!(is_log_intact(&sandbox));
    std::fs::write(&file, old).unwrap();
    assert!(sandbox.run(&["user", "list"]).refused().contains("was replaced by another one"));
    let settings = database.texts("SELECT name, value FROM settings").await;
    assert!(
        settings.iter().all(|row| !row[1].contains(new.trim())),
        "the secret itself is not in the database"
    );
}
