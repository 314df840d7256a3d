//! The gateway that acts for people at another provider, and the agent that says hello through it: two Gatehouses, the
//! People API of the second one, and people with a browser.

mod agent;
mod agent_ends;
mod elicitation;
mod gateway;
mod third_parties;

use std::net::SocketAddr;

use reqwest::Method;
use serde_json::{Value, json};

use super::{binary, example};
use crate::cli::person::{PASSWORD, Person};
use crate::support::browser::{http, unescape};
use crate::support::client::{Answer, send};
use crate::support::process::{Sandbox, Server, free_port};
use crate::support::{Browser, Page};

/// Secrets that the declarations of the examples name.
const SECRETS: [(&str, &str); 4] = [
    ("ADMIN_TOKEN", "the-admin-token-of-the-first-gatehouse"),
    ("AGENT_SECRET", "the-secret-of-the-hello-agent-of-the-tests"),
    ("SETUP_SECRET", "the-secret-of-the-set-up-client-of-the-tests"),
    ("GATEWAY_SECRET", "the-secret-of-the-people-gateway-of-the-tests"),
];

/// What the People API is asked for.
const PEOPLE: &str = "/people/me?personFields=names%2CemailAddresses";

/// Two servers, and an API at the second one.
pub struct Places {
    /// Where people sign in, with the vault
    pub here: Sandbox,
    /// Where the gateway is
    pub port: u16,
    /// The address of the People API
    pub people_api: String,
    _api: Server,
    /// The server there, and the one here
    _servers: [Server; 2],
    _there: Sandbox,
}

impl Places {
    /// With what one of the examples declares, on the database of a sandbox.
    pub async fn open(here: Sandbox, declaration: &str) -> Self {
        let port = free_port();
        let resource = format!("http://localhost:{port}/mcp");
        let issuers = format!("{} {resource} sub", here.issuer());
        let here = SECRETS.iter().fold(here, |sandbox, (name, value)| sandbox.with(name, value));
        let here = here.with("GATEHOUSE_USER_TOKEN_ISSUERS", &issuers);
        let text = std::fs::read_to_string(example(&format!("{declaration}/gatehouse.yaml"))).expect("a declaration");
        here.write("gatehouse.yaml", &text.replace("http://localhost:3000/mcp", &resource));
        let file = here.file("gatehouse.yaml").display().to_string();
        here.run(&["apply", "-f", &file]).done();

        // Another host name: browsers do not keep cookies of ports apart.
        let there = Sandbox::new();
        let issuer_there = there.issuer().replace("127.0.0.1", "localhost");
        let there = there.with("GATEHOUSE_ISSUER", &issuer_there);
        for (sandbox, place) in [(&here, "Here"), (&there, "There")] {
            for (username, name) in [("alice", "Alice"), ("bob", "Bob")] {
                let add = ["user", "add", username, "--name", &format!("{name} {place}"), "--password-stdin"];
                sandbox.run_with_input(&add, PASSWORD).done();
            }
        }
        let callback = format!("{}/connect/callback/people", here.issuer());
        let add = ["client", "add", "Vault", "--id", "vault", "--redirect-uri", &callback, "--json"];
        let client = there.run(&add).json();
        let servers = [there.serve(), here.serve()];
        let provider = json!({
            "id": "people",
            "name": "The Other Place",
            "preset": "gatehouse",
            "issuer": issuer_there,
            "client_id": "vault",
            "client_secret": client["client_secret"],
            "scope": "openid profile",
        });
        let (api, people_api) = people_api(&issuer_there);
        let places = Self {
            here,
            port,
            people_api,
            _api: api,
            _servers: servers,
            _there: there,
        };
        let answer = places.administer(Method::POST, "providers", &provider).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        places
    }

    /// Calls the admin API here.
    pub async fn administer(&self, method: Method, path: &str, body: &Value) -> Answer {
        let request = http().request(method, format!("{}/api/admin/v1/{path}", self.here.issuer()));
        let request = request.header("x-admin-token", SECRETS[0].1).header("if-match", "*");
        send(if body.is_null() { request } else { request.json(body) }).await
    }

    /// The names of the workloads that there are.
    pub async fn workloads(&self) -> Vec<String> {
        let answer = self.administer(Method::GET, "workloads", &Value::Null).await;
        let items = answer.body["items"].as_array().expect("a list").iter();
        items.map(|item| item["name"].as_str().expect("a name").to_owned()).collect()
    }

    /// Events here, of this kind.
    pub fn events(&self, kind: &str) -> usize {
        let list = ["audit", "list", "--kind", kind, "--json"];
        self.here.run(&list).done().lines().count()
    }

    /// The agent, with further flags.
    pub fn agent(&self, flags: &[&str]) -> Server {
        self.agent_in(&self.here, flags)
    }

    /// The agent in another environment.
    pub fn agent_in(&self, sandbox: &Sandbox, flags: &[&str]) -> Server {
        let mut command = sandbox.program(&binary("hello_agent").display().to_string());
        let (issuer, listen) = (self.here.issuer(), format!("localhost:{}", self.port));
        let usual = [("--issuer", &issuer), ("--listen", &listen), ("--people-api", &self.people_api)];
        for (flag, value) in usual.iter().filter(|(flag, _)| !flags.contains(flag)) {
            command.args([*flag, value.as_str()]);
        }
        command.arg("--no-browser").args(flags);
        Server::start(command, SocketAddr::from(([127, 0, 0, 1], self.port)))
    }

    /// Somebody signs in for the agent, and allows it.
    pub async fn sign_in(&self, agent: &Server, username: &str) {
        let page = agent.await_line("/authorize?");
        let person = Person::new(&self.here.issuer(), username, PASSWORD);
        let callback = person.follow(page.trim()).await.expect("the agent is sent an answer");
        let answer = person.http.get(callback).send().await.expect("the agent listens");
        assert!(answer.status().is_success(), "{answer:?}");
    }
}

/// Starts the People API of an issuer; it, and where it is.
fn people_api(issuer: &str) -> (Server, String) {
    let port = free_port();
    let listen = format!("localhost:{port}");
    let mut command = Sandbox::bare().program(&binary("people_api").display().to_string());
    // Its own folder is gone by then, and it needs none.
    command.current_dir(std::env::temp_dir());
    command.args(["--issuer", issuer, "--listen", &listen]);
    let api = Server::start(command, SocketAddr::from(([127, 0, 0, 1], port)));
    api.await_connection();
    (api, format!("http://{listen}"))
}

/// Opens a link of the vault and signs in.
async fn open(browser: &Browser, link: &str, username: &str) -> Page {
    let page = browser.visit(link).await;
    if page.body.contains("name=\"password\"") {
        return browser.follow(browser.sign_in(&page, username, PASSWORD).await).await;
    }
    page
}

/// The way of somebody who consents, here and there; the page at the end.
pub async fn consent(link: &str, username: &str) -> Page {
    let (here, there) = (Browser::new(), Browser::new());
    let page = open(&here, link.trim(), username).await;
    let page = here.submit(&page, &[("decision", "allow")]).await;
    let address = page.location().unwrap_or_else(|| panic!("no way to the provider: {}", page.body));
    let page = open(&there, &address, username).await;
    let page = if page.body.contains("name=\"decision\"") {
        there.decide(&page, "allow").await
    } else {
        page
    };
    let back = page
        .location()
        .unwrap_or_else(|| panic!("no way back: {} {}", page.status, page.body));
    let done = here.get(&back).await;
    go_on(&here, &done).await;
    done
}

/// Goes on to the program that asked, if it has a page.
async fn go_on(browser: &Browser, page: &Page) {
    let next = page.body.split("url=").nth(1).and_then(|rest| rest.split('"').next());
    if let Some(next) = next.map(unescape) {
        let shown = browser.get(&next).await;
        assert!(shown.body.contains("Go back to the terminal"), "{}", shown.body);
    }
}
