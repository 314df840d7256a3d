//! Tokens that come when their connection is gone already: they are taken back, whatever the provider says first.

use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use gatehouse::federation::program::Program;
use gatehouse::federation::providers::{Credential, register};
use gatehouse::federation::vault::ask::{Wanted, token_of};
use gatehouse::federation::vault::connections::{Removal, remove};
use gatehouse::federation::vault::revocations::work;
use gatehouse::federation::workloads::{self, ActsFor, Issuance, NewWorkload, verify_at};
use gatehouse::model::connection::Connection;
use gatehouse::model::provider::{Endpoints, ProviderSettings};
use gatehouse::model::workload::WorkloadSettings;
use gatehouse::protocol::client_authentication::AuthMethod;
use gatehouse::protocol::scope::Scope;
use gatehouse::protocol::token_request::GrantType;
use secrecy::SecretString;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use url::Url;

use super::{given, kept};
use crate::support::{TestApp, on_every_database};

/// A way at the provider: it says when somebody comes, and answers when it may.
struct Gate {
    came: Semaphore,
    open: Semaphore,
}

impl Gate {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            came: Semaphore::new(0),
            open: Semaphore::new(0),
        })
    }

    async fn pass(&self) {
        self.came.add_permits(1);
        self.open.acquire().await.unwrap().forget();
    }

    async fn somebody_came(&self) {
        self.came.acquire().await.unwrap().forget();
    }

    fn open(&self) {
        self.open.add_permits(1);
    }
}

/// A provider, and an agent that has something there whose token has ended.
struct World {
    refresh: Arc<Gate>,
    revoke: Arc<Gate>,
    /// What `/revoke` says
    status: Arc<Mutex<StatusCode>>,
    /// The tokens that were shown to `/revoke`
    shown: Arc<Mutex<Vec<String>>>,
    connection: Connection,
    token: String,
    server: JoinHandle<()>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl World {
    async fn of(app: &TestApp) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (refresh, revoke) = (Gate::new(), Gate::new());
        let (status, shown) = (Arc::new(Mutex::new(StatusCode::OK)), Arc::new(Mutex::new(Vec::new())));
        let at_token = {
            let refresh = Arc::clone(&refresh);
            move || async move {
                refresh.pass().await;
                Json(json!({ "access_token": "late", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "refresh late" }))
            }
        };
        let at_revoke = {
            let (revoke, status, shown) = (Arc::clone(&revoke), Arc::clone(&status), Arc::clone(&shown));
            move |body: Bytes| async move {
                let fields = url::form_urlencoded::parse(&body).into_owned();
                let token = fields.into_iter().find(|(name, _)| name == "token").unwrap().1;
                shown.lock().unwrap().push(token);
                revoke.pass().await;
                *status.lock().unwrap()
            }
        };
        let router = Router::new().route("/token", post(at_token)).route("/revoke", post(at_revoke));
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        let url = |path: &str| Url::parse(&format!("{base}{path}")).unwrap();
        let settings = ProviderSettings {
            name: "Mail".to_owned(),
            preset: "oauth2".to_owned(),
            endpoints: Some(Endpoints {
                authorization_endpoint: url("/authorize"),
                token_endpoint: url("/token"),
                revocation_endpoint: Some(url("/revoke")),
                userinfo_endpoint: None,
            }),
            client_id: "us".to_owned(),
            scope: Scope::parse("read").unwrap(),
            ..ProviderSettings::default()
        };
        let secret = Credential::ClientSecret(SecretString::from("secret"));
        register(&app.app, "mail", settings, Some(secret)).await.unwrap();
        let owner = app
            .client(AuthMethod::ClientSecretBasic, |new| {
                new.scope = Scope::parse("openid vault").unwrap();
                new.grant_types.push(GrantType::ClientCredentials);
            })
            .await;
        let new = NewWorkload {
            name: "agent".to_owned(),
            client_id: owner.id().to_owned(),
            settings: WorkloadSettings {
                ceilings: [("mail".to_owned(), Scope::parse("read send").unwrap())].into(),
                may_name_users: true,
                ..WorkloadSettings::default()
            },
        };
        let agent = workloads::create(&app.app, new).await.unwrap();
        let alice = app.user("alice").await;
        let mut new = given(&alice.id, "alice", 0);
        new.token_expires_at = Some(app.app.now() - 1);
        let connection = kept(&app.app, &agent, &new).await;
        let program = Program::Client(Arc::new(owner.client.clone()));
        let issuance = workloads::issue(&app.app, &program, "agent", ActsFor::User(&alice.id))
            .await
            .unwrap();
        let Issuance::Issued(token, _) = issuance else {
            panic!("{issuance:?}");
        };
        Self {
            refresh,
            revoke,
            status,
            shown,
            connection,
            token,
            server,
        }
    }

    /// The agent asks: the provider is asked for new tokens, and does not answer yet.
    async fn ask(&self, app: &TestApp) -> JoinHandle<()> {
        let (app, token) = (app.app.clone(), self.token.clone());
        let asking = tokio::spawn(async move {
            let (agent, there) = verify_at(&app, &token, "mail").await.unwrap().unwrap();
            let wanted = Wanted {
                provider: "mail".to_owned(),
                ..Wanted::default()
            };
            token_of(&app, &agent, there, wanted).await.unwrap();
        });
        self.refresh.somebody_came().await;
        asking
    }

    fn says(&self, status: StatusCode) {
        *self.status.lock().unwrap() = status;
    }

    fn shown(&self) -> Vec<String> {
        self.shown.lock().unwrap().clone()
    }
}

async fn left(app: &TestApp) -> i64 {
    app.app.store.read().await.unwrap().count_revocations().await.unwrap()
}

on_every_database! {
    async fn tokens_that_come_after_everything_was_taken_back_are_too(app: TestApp) {
        let world = World::of(&app).await;
        let asking = world.ask(&app).await;
        world.revoke.open();
        assert_eq!(remove(&app.app, &world.connection).await.unwrap(), Removal::Everywhere);
        assert_eq!((left(&app).await, world.shown()), (0, vec!["refresh 0".to_owned()]));
        // The provider gives new ones, and does not take them back.
        world.refresh.open();
        asking.await.unwrap();
        assert_eq!(left(&app).await, 1);
        world.says(StatusCode::INTERNAL_SERVER_ERROR);
        world.revoke.open();
        assert_eq!((work(&app.app).await.unwrap(), left(&app).await), (0, 1));
        world.says(StatusCode::OK);
        world.revoke.open();
        app.advance(61);
        assert_eq!((work(&app.app).await.unwrap(), left(&app).await), (1, 0));
        assert_eq!(world.shown(), ["refresh 0", "refresh late", "refresh late"]);
    }

    async fn tokens_that_come_while_the_old_are_taken_back_are_not_lost(app: TestApp) {
        let world = World::of(&app).await;
        let asking = world.ask(&app).await;
        let removing = tokio::spawn({
            let (app, connection) = (app.app.clone(), world.connection.clone());
            async move { remove(&app, &connection).await.unwrap() }
        });
        world.revoke.somebody_came().await;
        world.refresh.open();
        asking.await.unwrap();
        world.revoke.open();
        assert_eq!(removing.await.unwrap(), Removal::Later(None), "the old ones are, the new ones are not");
        assert_eq!(left(&app).await, 1);
        world.revoke.open();
        app.advance(121);
        assert_eq!((work(&app.app).await.unwrap(), left(&app).await), (1, 0));
        assert_eq!(world.shown(), ["refresh 0", "refresh late"]);
    }
}
