//! A wire to PostgreSQL that breaks when a transaction is committed.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// When it breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// The server does not hear of the commit.
    BeforeIt,
    /// The server has committed, and its answer does not arrive.
    AfterIt,
    /// The server neither hears of the commit nor notices that the program is gone, as when a network breaks in between.
    Unnoticed,
}

/// The URL at which the server is reached over such a wire.
pub async fn breaking_wire(url: &str, at: Break) -> String {
    let mut url = reqwest::Url::parse(url).expect("a URL");
    let server = format!("{}:{}", url.host_str().expect("a host"), url.port().unwrap_or(5432));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    tokio::spawn(async move {
        while let Ok((program, _)) = listener.accept().await {
            let server = TcpStream::connect(&server).await.expect("the server");
            tokio::spawn(carry(program, server, at));
        }
    });
    url.set_host(Some("127.0.0.1")).expect("a host");
    url.set_port(Some(address.port())).expect("a port");
    url.set_query(Some("sslmode=disable"));
    url.into()
}

async fn carry(mut program: TcpStream, mut server: TcpStream, at: Break) {
    let (mut asked, mut answered) = (vec![0_u8; 65536], vec![0_u8; 65536]);
    loop {
        tokio::select! {
            read = program.read(&mut asked) => {
                let Ok(length @ 1..) = read else { return };
                let message = &asked[..length];
                let is_commit = message.windows(7).any(|part| part == b"COMMIT\0");
                if is_commit && at == Break::BeforeIt {
                    return;
                }
                if is_commit && at == Break::Unnoticed {
                    drop(program);
                    // Until the server itself ends it.
                    while matches!(server.read(&mut answered).await, Ok(1..)) {}
                    return;
                }
                if server.write_all(message).await.is_err() {
                    return;
                }
                if is_commit {
                    // Its answer is read, and kept.
                    let _ = server.read(&mut answered).await;
                    return;
                }
            }
            read = server.read(&mut answered) => {
                let Ok(length @ 1..) = read else { return };
                if program.write_all(&answered[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}
