//! What operators do to a server that runs: stop it, let it read again, put it under a service manager, speak TLS with it, take
//! its database elsewhere. And what they leave it without.

mod certificate;
mod database_tls;
mod descriptors;
mod http2;
mod notify;
mod reload;
mod restore;
mod shutdown;
mod terminal;
mod tls;
mod transfer;
