//! What operators see of a running server: metrics, traces, the log.

mod collector;
mod log;
mod metrics;
mod redaction;
mod rules;
mod secrecy;
mod traces;

use std::net::SocketAddr;

use reqwest::Response;

use super::log_secrecy::register;
use super::person::{Application, PASSWORD, Person, browser};
use crate::support::process::{Sandbox, Server, free_port, wait_for};

/// A sandbox whose server shows metrics.
struct Watched {
    sandbox: Sandbox,
    metrics: SocketAddr,
}

impl Watched {
    fn new() -> Self {
        Self::on(Sandbox::new())
    }

    fn on(sandbox: Sandbox) -> Self {
        let metrics = SocketAddr::from(([127, 0, 0, 1], free_port()));
        Self {
            sandbox: sandbox.with("GATEHOUSE_METRICS_LISTEN", &metrics.to_string()),
            metrics,
        }
    }

    /// Starts the server, and waits until it shows metrics, too.
    async fn serve(&self) -> Server {
        let server = self.sandbox.serve();
        wait_for("the listener of metrics", async || self.page(None).await.is_ok()).await;
        server
    }

    async fn page(&self, accept: Option<&str>) -> Result<Response, reqwest::Error> {
        let mut request = browser().get(format!("http://{}/metrics", self.metrics));
        if let Some(accept) = accept {
            request = request.header("accept", accept);
        }
        request.send().await
    }

    /// All metrics, as they are now.
    async fn read(&self) -> Metrics {
        let page = self.page(None).await.expect("metrics");
        assert_eq!(page.status(), 200);
        Metrics(page.text().await.expect("a text"))
    }
}

/// A page of metrics.
struct Metrics(String);

impl Metrics {
    /// The sum of the samples with this name and all of these labels; `None` when there is none.
    fn sum(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let of_name = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']));
        let has_labels = |line: &&str| labels.iter().all(|(name, value)| line.contains(&format!("{name}=\"{value}\"")));
        let values = self.0.lines().filter(of_name).filter(has_labels);
        values
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().expect("a number"))
            .reduce(|sum, value| sum + value)
    }

    /// As [`Self::sum`], as the whole number that it is.
    fn count(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let sum = self.sum(name, labels).unwrap_or(0.0);
        format!("{sum}").parse().unwrap_or_else(|_| panic!("{name} is {sum}"))
    }

    /// The names of all metrics, as readers of Prometheus know them.
    fn names(&self) -> Vec<&str> {
        let names = self.0.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        names.map(|line| line.split(' ').next().unwrap()).collect()
    }
}

/// Signs in, gets a code and redeems it.
async fn code_flow(sandbox: &Sandbox, application: &Application) -> serde_json::Value {
    let person = Person::new(&sandbox.issuer(), "alice", PASSWORD);
    let code = person.authorize("app", "openid offline_access").await.unwrap();
    let (status, answer) = application.redeem(&code).await.unwrap();
    assert_eq!(status, 200, "{answer}");
    answer
}
