//! A new key for everything that is kept, while it is used.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use gatehouse::admin::vault_keys;
use gatehouse::app::App;
use gatehouse::base::encoding::base64url;
use gatehouse::model::connection::{Connection, Tokens};
use gatehouse::model::event::{EventFilter, EventKind};
use gatehouse::store::NewTokens;

use super::{given, kept, read, tokens, workload};
use crate::support::{TestApp, on_every_database};

/// A file of keys, each of one byte again and again.
pub fn file(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> String {
    let path = folder.path().join(name);
    let lines: Vec<String> = bytes.iter().map(|byte| format!("key{byte} {}", base64url(&[*byte; 32]))).collect();
    let text = lines.join("\n");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Stores new tokens as a node does that has refreshed them; nobody may have come in between.
async fn refresh(node: &App, id: &str, new: &Tokens) -> Connection {
    let there = read(node, id).await.unwrap();
    node.envelope.open(&there.binding(), &there.tokens).unwrap();
    let stored = NewTokens {
        resource: None,
        tokens: node.envelope.seal(&node.random, &there.binding(), new).unwrap(),
        scope: there.scope.clone(),
        token_expires_at: there.token_expires_at,
    };
    let mut tx = node.store.begin().await.unwrap();
    assert!(
        tx.store_tokens(id, there.version, &stored, node.now()).await.unwrap(),
        "a rewrap came in between"
    );
    tx.commit().await.unwrap();
    there
}

on_every_database! {
    async fn nodes_write_while_everything_gets_a_new_key(app: TestApp) {
        const CONNECTIONS: usize = 230;
        const WRITERS: usize = 4;
        let folder = tempfile::TempDir::new().unwrap();
        let before = file(&folder, "before", &[1, 2]);
        let after = file(&folder, "after", &[2, 1]);
        let alone = file(&folder, "alone", &[2]);
        let alice = app.user("alice").await;
        let client = app.confidential_client().await;
        let agent = workload(&app.app, "agent", client.id()).await;
        let old_node = app.second_node_with(&[("vault_keys_file", &before)]).await;
        let node = app.second_node_with(&[("vault_keys_file", &after)]).await;
        let mut ids = Vec::new();
        for n in 0..CONNECTIONS {
            // Some with the key that is derived, some with the first one of the file.
            let maker = if n % 3 == 0 { &app.app } else { &old_node };
            ids.push(kept(maker, &agent, &given(&alice.id, &format!("account {n}"), n)).await.id);
        }

        let is_done = AtomicBool::new(false);
        let writers = join_all((0..WRITERS).map(|writer| {
            let (ids, is_done, old_node, node) = (&ids, &is_done, &old_node, &node);
            async move {
                let mut rounds = 0;
                while rounds < 2 || !is_done.load(Ordering::SeqCst) {
                    for (at, id) in ids.iter().enumerate().skip(writer).step_by(WRITERS * 5) {
                        // Half of the writers still seal with the old key.
                        let writer_node = if writer % 2 == 0 { old_node } else { node };
                        refresh(writer_node, id, &tokens(1000 + at)).await;
                    }
                    rounds += 1;
                }
            }
        }));
        let rewraps = async {
            let (one, other) = tokio::join!(vault_keys::rewrap(&node), vault_keys::rewrap(&node));
            is_done.store(true, Ordering::SeqCst);
            (one.unwrap(), other.unwrap())
        };
        let (_, (one, other)) = tokio::join!(writers, rewraps);
        assert!(one.unopened.is_empty() && other.unopened.is_empty(), "{one:?} {other:?}");
        let first = one.rewrapped + other.rewrapped;
        assert!(first >= u64::try_from(CONNECTIONS).unwrap() - 60, "{first}");

        // What the old node has sealed last is found by another one, and then nothing is left.
        vault_keys::rewrap(&node).await.unwrap();
        assert_eq!(vault_keys::rewrap(&node).await.unwrap().rewrapped, 0);
        let uses = vault_keys::list(&node).await.unwrap();
        let shown: Vec<(Option<&str>, bool, i64)> = uses.iter().map(|key| (key.name.as_deref(), key.seals, key.connections)).collect();
        assert_eq!(shown, [(Some("key2"), true, i64::try_from(CONNECTIONS).unwrap()), (Some("key1"), false, 0), (Some("derived"), false, 0)]);

        // The old key can go.
        let last = app.second_node_with(&[("vault_keys_file", &alone)]).await;
        for (at, id) in ids.iter().enumerate() {
            let found = read(&last, id).await.unwrap();
            let is_written = (0..WRITERS).any(|writer| at >= writer && (at - writer) % (WRITERS * 5) == 0);
            let expected = tokens(if is_written { 1000 + at } else { at });
            assert_eq!(last.envelope.open(&found.binding(), &found.tokens).unwrap(), expected);
        }
        assert_eq!(vault_keys::missing(&last).await.unwrap(), None);
    }

    async fn what_does_not_open_is_left_and_said(app: TestApp) {
        let folder = tempfile::TempDir::new().unwrap();
        let alice = app.user("alice").await;
        let client = app.confidential_client().await;
        let agent = workload(&app.app, "agent", client.id()).await;
        let gone = app.second_node_with(&[("vault_keys_file", &file(&folder, "gone", &[1]))]).await;
        let lost = kept(&gone, &agent, &given(&alice.id, "lost", 1)).await;
        let there = kept(&app.app, &agent, &given(&alice.id, "there", 2)).await;
        let node = app.second_node_with(&[("vault_keys_file", &file(&folder, "new", &[2]))]).await;
        app.advance(1);
        let problem = vault_keys::missing(&node).await.unwrap().unwrap();
        assert!(problem.contains("1 connection(s)") && problem.contains(&lost.tokens.key_id), "{problem}");
        let done = vault_keys::rewrap(&node).await.unwrap();
        assert_eq!((done.rewrapped, done.left), (1, 1));
        let event = app.app.store.read().await.unwrap().events(&EventFilter::default(), None, 1).await.unwrap().remove(0);
        assert_eq!((event.kind, event.target.as_deref()), (EventKind::VaultRewrapped, Some(node.envelope.newest())));
        assert_eq!(event.detail["connections"], 1);
        assert!(done.unopened[&lost.id].contains(&lost.tokens.key_id), "{done:?}");
        assert_eq!(read(&node, &lost.id).await.unwrap(), lost);
        assert_eq!(read(&node, &there.id).await.unwrap().tokens.key_id, node.envelope.newest());
        let last = vault_keys::list(&node).await.unwrap().pop().unwrap();
        assert_eq!((last.key_id, last.name, last.connections), (lost.tokens.key_id, None, 1));
    }
}
