//! Three processes of the real program over one database, and a proxy before them.

use futures_util::future::join_all;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

use crate::cli::person::{Application, CALLBACK, PASSWORD, Person};
use crate::support::client::{Answer, send};
use crate::support::process::{Sandbox, Server};
use crate::support::round_robin::RoundRobin;

/// How many nodes there are.
pub const SIZE: usize = 3;
/// The admin token of the cluster.
pub const ADMIN_TOKEN: &str = "an-admin-token-for-these-nodes-only";

/// What is limited that this load does often.
const LIMITS: [&str; 7] = [
    "GATEHOUSE_LIMIT_TOKEN",
    "GATEHOUSE_LIMIT_INTROSPECT",
    "GATEHOUSE_LIMIT_USERINFO",
    "GATEHOUSE_LIMIT_AUTHORIZE",
    "GATEHOUSE_LIMIT_PAGE",
    "GATEHOUSE_LIMIT_ADMIN",
    "GATEHOUSE_LIMIT_FAILURE",
];

/// Nodes behind a proxy, whose address is their issuer.
pub struct Cluster {
    /// Each node, to start it again
    pub nodes: Vec<Sandbox>,
    /// Each as it runs
    pub servers: Vec<Server>,
    /// What is before them
    pub proxy: RoundRobin,
    /// For commands
    pub sandbox: Sandbox,
}

/// An HTTP client for which each request is a connection of its own, so that the proxy gives each to the next node. It
/// keeps cookies and shows redirects.
pub fn fresh_http() -> Client {
    Client::builder()
        .cookie_store(true)
        .redirect(Policy::none())
        .no_proxy()
        .pool_max_idle_per_host(0)
        .build()
        .expect("a client")
}

impl Cluster {
    /// Nodes over the database of this sandbox. Alice has an account there, and there are two clients: `app`, which asks nobody
    /// for consent, and `web`, which asks and has a secret; both may do everything that people's applications may.
    pub async fn start(sandbox: Sandbox) -> (Self, String) {
        Self::start_each(sandbox, |_, node| node).await
    }

    /// The same, of nodes to which `each` gives something of their own.
    pub async fn start_each(sandbox: Sandbox, each: impl Fn(usize, Sandbox) -> Sandbox) -> (Self, String) {
        let proxy = RoundRobin::before_nobody().await;
        // One person at one address makes all the load.
        let sandbox = LIMITS.iter().fold(sandbox, |sandbox, limit| sandbox.with(limit, "off"));
        let sandbox = sandbox
            .with("GATEHOUSE_ISSUER", &format!("http://{}", proxy.address))
            .with("GATEHOUSE_DATABASE_POOL_SIZE", "8")
            .with("GATEHOUSE_WORKERS", "2")
            .with("ADMIN_TOKEN", ADMIN_TOKEN);
        crate::cli::crash::populate(&sandbox);
        let web = [
            "client",
            "add",
            "Web",
            "--id",
            "web",
            "--redirect-uri",
            CALLBACK,
            "--introspect",
            "--consent",
            "always",
            "--json",
        ];
        let secret = sandbox.run(&web).json()["client_secret"].as_str().expect("a secret").to_owned();
        let nodes: Vec<Sandbox> = (0..SIZE).map(|at| each(at, sandbox.node())).collect();
        let servers: Vec<Server> = nodes.iter().map(|node| node.launch(&[])).collect();
        for server in &servers {
            server.await_connection();
        }
        proxy.serve(nodes.iter().map(Sandbox::address).collect());
        let cluster = Self {
            nodes,
            servers,
            proxy,
            sandbox,
        };
        (cluster, secret)
    }

    /// The issuer: the address of the proxy.
    pub fn issuer(&self) -> String {
        format!("http://{}", self.proxy.address)
    }

    /// The address of one node.
    pub fn at(&self, node: usize) -> String {
        format!("http://{}", self.nodes[node].address())
    }

    /// Alice at a browser whose every request goes to another node.
    pub fn alice(&self) -> Person {
        Person::new(&self.issuer(), "alice", PASSWORD).through(fresh_http())
    }

    /// The application that asks for no consent.
    pub fn app(&self) -> Application {
        Application::public(&self.issuer(), "app").through(fresh_http())
    }

    /// The application with a secret.
    pub fn web(&self, secret: &str) -> Application {
        Application::confidential(&self.issuer(), "web", secret).through(fresh_http())
    }

    /// Whether a token is good, as each node says when it is introspected.
    pub async fn active_at_each(&self, application: &Application, token: &str) -> Vec<bool> {
        let at = |node| application.asking(&self.at(node));
        join_all((0..SIZE).map(|node| async move { at(node).is_active(token).await })).await
    }

    /// What each node answers at userinfo.
    pub async fn userinfo_at_each(&self, token: &str) -> Vec<u16> {
        let ask = async |node| {
            let answer = fresh_http().get(format!("{}/userinfo", self.at(node))).bearer_auth(token).send();
            answer.await.expect("an answer").status().as_u16()
        };
        join_all((0..SIZE).map(ask)).await
    }

    /// A request to the admin API of one node.
    pub async fn admin(&self, node: usize, method: Method, path: &str, tag: Option<&str>, body: Option<&Value>) -> Answer {
        let request = fresh_http().request(method, format!("{}/api/admin/v1{path}", self.at(node)));
        let mut request = request.header("x-admin-token", ADMIN_TOKEN);
        if let Some(tag) = tag {
            request = request.header("if-match", tag);
        }
        send(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
    }

    /// Waits until every node says that it is ready.
    pub async fn await_ready(&self) {
        let ready = async {
            for node in 0..SIZE {
                loop {
                    let answer = fresh_http().get(format!("{}/readyz", self.at(node))).send().await;
                    if answer.is_ok_and(|answer| answer.status() == StatusCode::OK) {
                        break;
                    }
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                }
            }
        };
        let ready = tokio::time::timeout(crate::support::process::PATIENCE, ready).await;
        assert!(ready.is_ok(), "a node does not come back: {}", self.output());
    }

    /// What the nodes have printed.
    pub fn output(&self) -> String {
        self.servers.iter().map(Server::output).collect()
    }

    /// The audit log of all nodes, alive and dead, is whole.
    pub fn assert_audit_is_whole(&self) {
        let run = self.sandbox.run(&["audit", "verify"]);
        assert!(run.status.success(), "{}{}", run.stdout, run.stderr);
    }
}
