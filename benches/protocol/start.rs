//! How long it takes from the start of the process to its first answer.

use std::time::Instant;

use crate::plan::Plan;
use crate::support::Outcome;
use crate::support::database::{Database, Scratch};
use crate::support::nodes::{Installation, Node};
use crate::support::wire::Connection;

/// Times that each is measured, of which the middle one counts.
const TIMES: usize = 5;

/// Milliseconds, of an installation that is there.
pub async fn warm(installation: &Installation) -> Outcome<f64> {
    let mut taken = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        let (node, milliseconds) = start(installation).await?;
        taken.push(milliseconds);
        node.stop().await?;
    }
    Ok(middle(taken))
}

/// Milliseconds, of one that has neither a schema nor keys.
pub async fn first(database: Database, plan: &Plan) -> Outcome<f64> {
    let mut taken = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        let scratch = Scratch::open(database, false).await?;
        let outcome = async {
            let installation = Installation::new(scratch.url(), &plan.folder("first"))?;
            let (node, milliseconds) = start(&installation).await?;
            node.stop().await?;
            Outcome::Ok(milliseconds)
        }
        .await;
        scratch.close().await?;
        taken.push(outcome?);
    }
    Ok(middle(taken))
}

async fn start(installation: &Installation) -> Outcome<(Node, f64)> {
    let begun = Instant::now();
    let node = installation.start().await?;
    let mut connection = Connection::open(node.address).await?;
    let request = "GET /.well-known/openid-configuration HTTP/1.1\r\nHost: gatehouse\r\n\r\n";
    connection.ask(request).await?.must_be(200, "the first answer")?;
    Ok((node, begun.elapsed().as_secs_f64() * 1000.0))
}

fn middle(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}
