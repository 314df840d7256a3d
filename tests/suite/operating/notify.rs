//! What a service manager is told, on the socket that it names.

use std::os::unix::net::UnixDatagram;

use crate::support::process::{PATIENCE, Sandbox};

/// The service manager's end.
struct Manager(UnixDatagram);

impl Manager {
    /// The next message that is no sign of life.
    fn told(&self) -> String {
        loop {
            let message = self.message();
            if message != "WATCHDOG=1\n" {
                return message;
            }
        }
    }

    fn message(&self) -> String {
        let mut bytes = [0; 1024];
        let length = self.0.recv(&mut bytes).expect("a message");
        String::from_utf8(bytes[..length].to_vec()).expect("text")
    }
}

#[test]
fn it_is_told_of_every_step() {
    let sandbox = Sandbox::new();
    let socket = sandbox.file("notify");
    let manager = Manager(UnixDatagram::bind(&socket).unwrap());
    manager.0.set_read_timeout(Some(PATIENCE)).unwrap();
    let sandbox = sandbox
        .with("NOTIFY_SOCKET", socket.to_str().unwrap())
        .with("WATCHDOG_USEC", "100000");
    sandbox.run(&["migrate"]).done();
    manager.0.set_nonblocking(true).unwrap();
    assert!(manager.0.recv(&mut [0; 10]).is_err(), "commands are no service");
    manager.0.set_nonblocking(false).unwrap();

    let mut server = sandbox.launch(&[]);
    assert_eq!(manager.told(), "READY=1\n");
    // Not before it is so.
    std::net::TcpStream::connect(sandbox.address()).expect("whoever hears of it reaches it");
    for _ in 0..3 {
        assert_eq!(manager.message(), "WATCHDOG=1\n");
    }

    server.tell("HUP");
    let reloading = manager.told();
    let since = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").expect("since when");
    assert!(since.trim_end().parse::<u64>().is_ok_and(|since| since > 0), "{reloading}");
    assert_eq!(manager.told(), "READY=1\n");

    server.terminate();
    assert_eq!(manager.told(), "STOPPING=1\n");
    assert_eq!(server.await_exit().code(), Some(0), "{}", server.output());
}

#[test]
fn a_service_manager_that_has_gone_is_no_reason_to_stop() {
    let sandbox = Sandbox::new().with("NOTIFY_SOCKET", "/nowhere/notify");
    let mut server = sandbox.serve();
    server.await_line("service_manager_not_told");
    server.terminate();
    assert_eq!(server.await_exit().code(), Some(0), "{}", server.output());
}
