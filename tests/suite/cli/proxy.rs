//! A wire to a database that can be cut, frozen and mended.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How the wire is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Everything passes.
    Whole,
    /// Connections break, and new ones break at once.
    Cut,
    /// Connections stay, and nothing passes: a firewall that forgot them, a machine that hangs.
    Frozen,
}

/// The wire.
pub struct Proxy {
    /// Where it is entered
    pub address: SocketAddr,
    state: watch::Sender<Wire>,
    entrance: JoinHandle<()>,
}

impl Proxy {
    /// A whole wire to a server.
    pub async fn to(server: SocketAddr) -> Self {
        Self::at(SocketAddr::from(([127, 0, 0, 1], 0)), server).await
    }

    /// As [`Self::to`], entered at an address that is known before.
    pub async fn at(address: SocketAddr, server: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let (state, observed) = watch::channel(Wire::Whole);
        let entrance = tokio::spawn(async move {
            while let Ok((incoming, _)) = listener.accept().await {
                tokio::spawn(carry(incoming, server, observed.clone()));
            }
        });
        Self { address, state, entrance }
    }

    /// Removes it: connections break, and new ones are refused.
    pub async fn remove(self) {
        self.set(Wire::Cut);
        self.entrance.abort();
        // Not before it has ended nobody listens there.
        let _ = self.entrance.await;
    }

    /// Changes it.
    pub fn set(&self, state: Wire) {
        self.state.send_replace(state);
    }
}

async fn carry(mut incoming: TcpStream, server: SocketAddr, mut observed: watch::Receiver<Wire>) {
    let mut outgoing = None;
    loop {
        let state = *observed.borrow_and_update();
        match state {
            Wire::Cut => return,
            // What is frozen was opened under another state; it never thaws, as after a reboot.
            Wire::Frozen => {
                let _ = observed.wait_for(|state| *state != Wire::Frozen).await;
                return;
            }
            Wire::Whole => {
                if outgoing.is_none() {
                    outgoing = TcpStream::connect(server).await.ok();
                }
                let Some(outgoing) = &mut outgoing else { return };
                tokio::select! {
                    _ = copy_bidirectional(&mut incoming, outgoing) => return,
                    _ = observed.changed() => {}
                }
            }
        }
    }
}
