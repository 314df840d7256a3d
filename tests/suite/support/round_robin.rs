//! A proxy before several nodes: each connection goes to the next one.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What the proxy knows of its nodes.
#[derive(Default)]
struct Nodes {
    addresses: Mutex<Vec<SocketAddr>>,
    turn: AtomicUsize,
    /// How many connections each was given
    given: Mutex<Vec<usize>>,
}

/// A running proxy; gone when it is dropped. It goes on to another node where nobody listens any more, so before anything
/// was sent, and never tries anything a second time.
pub struct RoundRobin {
    /// Where it is
    pub address: SocketAddr,
    nodes: Arc<Nodes>,
    task: JoinHandle<()>,
}

impl RoundRobin {
    /// A proxy before these nodes.
    pub async fn to(addresses: Vec<SocketAddr>) -> Self {
        let proxy = Self::before_nobody().await;
        proxy.serve(addresses);
        proxy
    }

    /// A proxy whose nodes are still to come: they are told its address.
    pub async fn before_nobody() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let nodes = Arc::<Nodes>::default();
        let own = Arc::clone(&nodes);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(carry(stream, Arc::clone(&own)));
            }
        });
        Self { address, nodes, task }
    }

    /// The nodes from now on.
    pub fn serve(&self, addresses: Vec<SocketAddr>) {
        *self.nodes.given.lock().expect("no panic while locked") = vec![0; addresses.len()];
        *self.nodes.addresses.lock().expect("no panic while locked") = addresses;
    }

    /// How many connections each node was given.
    pub fn given(&self) -> Vec<usize> {
        self.nodes.given.lock().expect("no panic while locked").clone()
    }
}

impl Drop for RoundRobin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(mut stream: TcpStream, nodes: Arc<Nodes>) {
    let addresses = nodes.addresses.lock().expect("no panic while locked").clone();
    let first = nodes.turn.fetch_add(1, Ordering::SeqCst);
    for at in 0..addresses.len() {
        let node = (first + at) % addresses.len();
        if let Ok(mut upstream) = TcpStream::connect(addresses[node]).await {
            nodes.given.lock().expect("no panic while locked")[node] += 1;
            let _ = copy_bidirectional(&mut stream, &mut upstream).await;
            return;
        }
    }
}
