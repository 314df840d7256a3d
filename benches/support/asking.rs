//! Somebody who asks for the same again and again, of one person after the other.

use std::net::SocketAddr;
use std::sync::Arc;

use super::measure::Work;
use super::wire::Connection;

/// A request, and a text that a right answer holds.
pub struct Request {
    pub text: String,
    pub holds: String,
}

/// A worker with a connection of its own.
pub struct Asking {
    address: SocketAddr,
    requests: Arc<[Request]>,
    next: usize,
    /// None after something went wrong
    connection: Option<Connection>,
}

impl Asking {
    /// So many of them, each of which begins at another place.
    pub fn many(count: usize, address: SocketAddr, requests: &Arc<[Request]>) -> Vec<Self> {
        let worker = |at: usize| Self {
            address,
            requests: Arc::clone(requests),
            next: at * requests.len() / count,
            connection: None,
        };
        (0..count).map(worker).collect()
    }
}

impl Work for Asking {
    async fn once(&mut self) -> Result<(), String> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(self.address).await?,
        };
        let request = &self.requests[self.next % self.requests.len()];
        self.next += 1;
        let answer = connection.ask(&request.text).await?;
        answer.must_be(200, "asking")?;
        answer.must_hold(&request.holds, "asking")?;
        self.connection = Some(connection);
        Ok(())
    }
}
