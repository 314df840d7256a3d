//! Everything that is sealed gets a new secret, and the old one is worth nothing afterwards.

use std::collections::{BTreeMap, BTreeSet};

use gatehouse::admin::secret_rotation::{self, RotationError};
use gatehouse::admin::vault_keys;
use gatehouse::app::App;
use gatehouse::audit::{self, Problem};
use gatehouse::base::encoding::base64url;
use gatehouse::base::random::Random;
use gatehouse::federation::access_keys;
use gatehouse::federation::providers::{self, Credential};
use gatehouse::federation::relay::receive;
use gatehouse::federation::vault::question;
use gatehouse::identity::admin_token;
use gatehouse::identity::form_token::{self, BrowserId, Form};
use gatehouse::keys::envelope::{Envelope, KeyEncryptionKey};
use gatehouse::keys::secrets::{Resealed, Secrets};
use gatehouse::model::chain::{Entry, Link};
use gatehouse::model::connection::Binding;
use gatehouse::model::event::{EventFilter, EventKind};
use gatehouse::model::provider::ProviderSettings;
use gatehouse::oauth::{client_assertions, verify};
use gatehouse::store::{SealedColumn, Setting};
use secrecy::{ExposeSecret, SecretString};

use super::{open, raw};
use crate::support::app::APP_SECRET;
use crate::support::{TestApp, on_every_database};
use crate::vault::{given, kept, read, tokens, workload};

const NEW: &str = "the secret that takes its place, of more than 32 characters";
const THIRD: &str = "and the one after that, which has more than 32 characters, too";

/// A node with one secret that takes the place of another.
async fn replacing(app: &TestApp, new: &str, old: &str) -> App {
    app.second_node_with(&[("app_secret", new), ("app_secret_previous", old)]).await
}

fn binding_of(connection_id: &str, user_id: &str) -> Binding {
    Binding {
        connection_id: connection_id.to_owned(),
        workload: "agent".to_owned(),
        user_id: user_id.to_owned(),
        provider_id: "mail".to_owned(),
    }
}

/// One thing of each kind, sealed by the server that is running.
async fn seal_one_of_each(app: &TestApp) -> String {
    let (url, node, secrets) = (app.database_url(), &app.app, &app.app.secrets);
    let alice = app.user("alice").await;
    let client = app.confidential_client().await;
    let seal =
        |sealer: &gatehouse::keys::secrets::Sealer, context: &[u8]| raw::quoted(&sealer.seal(&node.random, context, b"plain").unwrap());
    let sealed = seal(&secrets.client_secret, &client_assertions::secret_context(client.id()));
    raw::run(
        &url,
        format!("UPDATE clients SET sealed_secret = {sealed} WHERE id = '{}'", client.id()),
    )
    .await;
    let sealed = seal(&secrets.access_key, &access_keys::context("key", client.id()));
    let row = [
        ("id", "'key'".to_owned()),
        ("client_id", raw::quoted(client.id())),
        ("sealed_secret", sealed),
    ];
    raw::insert(&url, "access_keys", &row).await;
    let settings = ProviderSettings {
        name: "Somewhere".to_owned(),
        preset: "google".to_owned(),
        client_id: "our-client".to_owned(),
        ..ProviderSettings::default()
    };
    let secret = Credential::ClientSecret(SecretString::from("hush"));
    let provider = providers::register(node, "mail", settings, Some(secret)).await.unwrap();
    let former = [
        ("id", "'former'".to_owned()),
        ("provider_id", "'mail'".to_owned()),
        ("settings", raw::quoted(&serde_json::to_string(&provider.settings).unwrap())),
        ("sealed_secret", raw::quoted(provider.sealed_secret.as_deref().unwrap())),
    ];
    raw::insert(&url, "former_providers", &former).await;
    let answer = [
        ("id", "'callback'".to_owned()),
        ("sealed_answer", seal(&secrets.callback, &receive::context("callback"))),
    ];
    raw::insert(&url, "callbacks", &answer).await;
    let token = [
        ("id", "'binding'".to_owned()),
        ("sealed_user_token", seal(&secrets.user_token, b"binding")),
    ];
    raw::insert(&url, "user_bindings", &token).await;
    let session = [
        ("id", "'session'".to_owned()),
        (
            "sealed_flow",
            seal(&secrets.connection_flow, question::flow_of("session").as_bytes()),
        ),
        (
            "sealed_return",
            seal(&secrets.connection_flow, question::return_of("session").as_bytes()),
        ),
    ];
    raw::insert(&url, "connection_sessions", &session).await;
    let agent = workload(node, "agent", client.id()).await;
    kept(node, &agent, &given(&alice.id, "alice", 1)).await;
    let binding = binding_of("gone", &alice.id);
    let gone = node.envelope.seal(&node.random, &binding, &tokens(2)).unwrap();
    let gone = [
        ("id", "'gone'".to_owned()),
        ("workload", "'agent'".to_owned()),
        ("user_id", raw::quoted(&alice.id)),
        ("provider_id", "'mail'".to_owned()),
        ("key_id", raw::quoted(&gone.key_id)),
        ("wrapped_key", raw::quoted(&gone.wrapped_key)),
        ("sealed_tokens", raw::quoted(&gone.sealed)),
    ];
    raw::insert(&url, "upstream_revocations", &gone).await;
    alice.id
}

/// How many there are of each kind, all sealed by `secret` alone.
async fn sealed_by(app: &TestApp, secret: &str) -> BTreeMap<&'static str, usize> {
    let secrets = Secrets::derive(&SecretString::from(secret)).unwrap();
    let mut counts = BTreeMap::new();
    let mut connection = app.app.store.read().await.unwrap();
    for column in SealedColumn::ALL {
        let texts = connection.sealed_texts(column, "", 1000).await.unwrap();
        let opened = texts.iter().filter(|text| match column {
            SealedColumn::SigningKey => secrets.signing_key.open(text.id.as_bytes(), &text.sealed).is_some(),
            SealedColumn::ClientSecret => {
                let context = client_assertions::secret_context(&text.id);
                secrets.client_secret.open(&context, &text.sealed).is_some()
            }
            SealedColumn::AccessKey => {
                let context = access_keys::context(&text.id, &text.owner);
                secrets.access_key.open(&context, &text.sealed).is_some()
            }
            SealedColumn::CallbackAnswer => secrets.callback.open(&receive::context(&text.id), &text.sealed).is_some(),
            SealedColumn::UserToken => secrets.user_token.open(text.id.as_bytes(), &text.sealed).is_some(),
            SealedColumn::ConnectionFlow => {
                let context = question::flow_of(&text.id);
                secrets.connection_flow.open(context.as_bytes(), &text.sealed).is_some()
            }
            SealedColumn::ConnectionReturn => {
                let context = question::return_of(&text.id);
                secrets.connection_flow.open(context.as_bytes(), &text.sealed).is_some()
            }
            // These are asked for below, by the functions that use them.
            SealedColumn::ProviderSecret | SealedColumn::FormerProviderSecret => true,
        });
        counts.insert(column.text(), opened.count());
    }
    counts
}

on_every_database! {
    async fn everything_is_sealed_anew_and_the_old_secret_opens_nothing(app: TestApp) {
        seal_one_of_each(&app).await;
        // The list of what is sealed anew is that of what is there.
        let listed: BTreeSet<(String, String)> = SealedColumn::ALL.iter().map(|column| column.place()).chain([
            ("connections", "sealed_tokens"), ("connections", "wrapped_key"),
            ("upstream_revocations", "sealed_tokens"), ("upstream_revocations", "wrapped_key"),
        ]).map(|(table, column)| (table.to_owned(), column.to_owned())).collect();
        let found: BTreeSet<(String, String)> = raw::tables(&app.database_url()).await.into_iter().flat_map(|(table, columns)| {
            let sealed = columns.into_iter().filter(|column| column.name.starts_with("sealed_") || column.name.starts_with("wrapped_"));
            sealed.map(move |column| (table.clone(), column.name)).collect::<Vec<_>>()
        }).collect();
        assert_eq!(listed, found);
        let before = sealed_by(&app, APP_SECRET).await;
        assert!(before.values().all(|count| *count > 0), "{before:?}");
        assert!(sealed_by(&app, NEW).await.iter().filter(|(what, _)| !what.contains("provider")).all(|(_, count)| *count == 0));

        let node = replacing(&app, NEW, APP_SECRET).await;
        let refusal = secret_rotation::rotate(&node, false).await.unwrap_err();
        assert!(matches!(refusal, RotationError::Refused(text) if text.contains("restart every server")), "{refusal}");
        let alone = open(&app.database_url(), NEW).await.unwrap_err().to_string();
        assert!(alone.contains("needs both"), "{alone}");
        let remains = secret_rotation::remains(&node).await.unwrap();
        assert_eq!(remains.sealed["connections"], 2);
        assert!(SealedColumn::ALL.iter().all(|column| remains.sealed[column.text()] > 0), "{remains:?}");

        let rotated = secret_rotation::rotate(&node, true).await.unwrap();
        assert!(rotated.done && rotated.unopened.is_empty() && rotated.remains.sealed.is_empty(), "{rotated:?}");
        assert_eq!(sealed_by(&app, NEW).await, before);
        assert!(sealed_by(&app, APP_SECRET).await.iter().filter(|(what, _)| !what.contains("provider")).all(|(_, count)| *count == 0));
        let again = secret_rotation::rotate(&node, true).await.unwrap();
        assert!(again.done && again.resealed.is_empty(), "{again:?}");
        let filter = EventFilter { kind: Some(EventKind::SecretRotated), ..EventFilter::default() };
        assert_eq!(app.app.store.read().await.unwrap().events_nearby(&filter, None, 10).await.unwrap().events.len(), 1);

        // Without the old secret everything is there; with it nothing is.
        let alone = app.second_node_with(&[("app_secret", NEW)]).await;
        for provider in [
            alone.store.read().await.unwrap().provider("mail").await.unwrap().unwrap(),
            alone.store.read().await.unwrap().former_provider("former").await.unwrap().unwrap(),
        ] {
            let secret = providers::credential(&alone, &provider).unwrap().unwrap();
            assert_eq!(secret.expose_secret(), "hush");
            assert_eq!(providers::reseal(&node, &provider).unwrap(), Resealed::Newest);
        }
        let uses = vault_keys::list(&alone).await.unwrap();
        assert!(uses.len() == 1 && uses[0].seals && uses[0].connections == 2, "{uses:?}");
        let connections = raw::contents(&app.database_url()).await["connections"].len();
        assert_eq!(connections, 1);
        for (secret, why) in [(APP_SECRET, "was replaced"), ("somebody else's secret, of more than 32 characters", "is not the one")] {
            let refusal = open(&app.database_url(), secret).await.unwrap_err().to_string();
            assert!(refusal.contains(why), "{refusal}");
        }
        // And once more, with events of three secrets.
        let node = replacing(&app, THIRD, NEW).await;
        let rotated = secret_rotation::rotate(&node, true).await.unwrap();
        assert!(rotated.done && rotated.unopened.is_empty(), "{rotated:?}");
        assert_eq!(sealed_by(&app, THIRD).await, before);
        let alone = app.second_node_with(&[("app_secret", THIRD)]).await;
        let summary = audit::verify(&alone).await.unwrap().unwrap();
        assert!(summary.events > 3 && summary.nodes >= 3, "{summary:?}");
    }

    async fn what_clients_and_browsers_hold_is_good_until_it_is_replaced(app: TestApp) {
        app.user("alice").await;
        let client = app.trusted_client().await;
        let refresh = client.tokens("alice", &[("scope", "openid offline_access")]).await.text("refresh_token").to_owned();
        let browser = BrowserId::new(&app.app);
        let csrf = form_token::token(&app.app, Form::Account, &browser, None);
        let admin = admin_token::reset(&app.app).await.unwrap();
        let opaque = app.app.secrets.access_token.seal(&app.app.random, b"context", b"claims").unwrap();
        // One that already has the next secret, for what others make with it, and one that makes it.
        let next = app.second_node_with(&[("app_secret_next", NEW)]).await;
        let node = replacing(&app, NEW, APP_SECRET).await;
        let of_new = form_token::token(&node, Form::Account, &browser, None);
        assert_ne!(of_new, csrf);
        for accepting in [&next, &node] {
            assert!(verify::refresh_token(accepting, &refresh).is_some());
            assert!(form_token::is_valid(accepting, Form::Account, Some(&browser), None, &csrf));
            assert!(form_token::is_valid(accepting, Form::Account, Some(&browser), None, &of_new));
            assert!(!form_token::is_valid(accepting, Form::SignIn, Some(&browser), None, &of_new));
            assert!(accepting.secrets.access_token.open(b"context", &opaque).is_some());
            assert!(admin_token::complete_setup(accepting, "wrong").await.is_ok());
        }
        assert!(!form_token::is_valid(&app.app, Form::Account, Some(&browser), None, &of_new), "who has the old one only does not know it");

        // The admin token is stored anew by whoever replaces the secret, and by nobody else.
        let hash = |app: App| async move { app.store.read().await.unwrap().setting(Setting::AdminTokenHash).await.unwrap().unwrap() };
        let before = hash(node.clone()).await;
        assert!(admin_token::verify(&next, admin.expose_secret()).await.unwrap());
        assert_eq!(hash(node.clone()).await, before);
        assert!(!admin_token::is_of_this_secret(&node).await.unwrap());
        assert!(!admin_token::verify(&node, "gh_admin_wrong").await.unwrap());
        let rotated = secret_rotation::rotate(&node, true).await.unwrap();
        assert!(rotated.done && rotated.remains.admin_token, "{rotated:?}");
        assert_eq!(rotated.remains.refresh_tokens, 1);
        assert!(rotated.remains.refresh_tokens_until.is_some());
        assert!(admin_token::verify(&node, admin.expose_secret()).await.unwrap());
        assert_ne!(hash(node.clone()).await, before);
        assert!(admin_token::is_of_this_secret(&node).await.unwrap());
        let alone = app.second_node_with(&[("app_secret", NEW)]).await;
        assert!(admin_token::verify(&alone, admin.expose_secret()).await.unwrap());
        assert!(verify::refresh_token(&alone, &refresh).is_none(), "the old one opens nothing");
        assert!(!form_token::is_valid(&alone, Form::Account, Some(&browser), None, &csrf));
    }

    async fn whoever_knows_the_old_secret_does_not_write_history(app: TestApp) {
        for _ in 0..3 {
            let mut tx = app.app.store.begin().await.unwrap();
            tx.record(app.app.event(EventKind::SettingsChanged)).await.unwrap();
            tx.commit().await.unwrap();
        }
        // Nothing is sealed yet: it ended as by a crash.
        let node = replacing(&app, NEW, APP_SECRET).await;
        assert!(secret_rotation::rotate(&node, true).await.unwrap().done);
        node.store.seal_audit().await.unwrap();
        let alone = app.second_node_with(&[("app_secret", NEW)]).await;
        let url = app.database_url();
        audit::verify(&alone).await.unwrap().expect("the log is intact");
        let lane = alone.store.read().await.unwrap().audit_lane(1, 1).await.unwrap().unwrap();
        assert_eq!(lane.lane.head.sequence, 3, "the end of the old lane is sealed");

        let old = Secrets::derive(&SecretString::from(APP_SECRET)).unwrap();
        let insert = |entry: Entry| {
            let url = url.clone();
            async move {
                let number = |value: i64| value.to_string();
                let row = [
                    ("id", raw::quoted(&entry.id)), ("at", number(entry.at)), ("kind", raw::quoted(&entry.kind)),
                    ("outcome", raw::quoted(&entry.outcome)), ("actor", raw::quoted(&entry.actor)), ("detail", raw::quoted(&entry.detail)),
                    ("node", number(entry.node)), ("lane", number(entry.lane)), ("sequence", number(entry.link.sequence)),
                    ("mac", raw::quoted(&entry.link.mac)),
                ];
                raw::insert(&url, "events", &row).await;
            }
        };
        // One more at the end of a lane, as the server itself would have made it.
        let forged = Entry::after(&lane.lane.head, &app.app.event(EventKind::UserDeleted), 1, 1, old.audit.newest());
        insert(forged.clone()).await;
        let finding = audit::verify(&alone).await.unwrap().unwrap_err();
        assert_eq!((finding.problem, finding.sequence), (Problem::EventChanged, Some(4)));
        raw::run(&url, format!("DELETE FROM events WHERE id = '{}'", forged.id)).await;
        audit::verify(&alone).await.unwrap().expect("it is intact again");

        // The last one replaced by another.
        let entries = alone.store.read().await.unwrap().audit_entries(1, 1, 0, 10).await.unwrap();
        let before: Link = entries[1].link.clone();
        let forged = Entry::after(&before, &app.app.event(EventKind::UserDeleted), 1, 1, old.audit.newest());
        raw::run(&url, format!("DELETE FROM events WHERE id = '{}'", entries[2].id)).await;
        insert(forged.clone()).await;
        let finding = audit::verify(&alone).await.unwrap().unwrap_err();
        assert_eq!((finding.problem, finding.sequence), (Problem::EventChanged, Some(3)));
        // And a head that goes with it, sealed by the secret that is known.
        let mut of_forged = lane.lane.clone();
        of_forged.head = forged.link.clone();
        let seal = of_forged.head_seal(old.audit.newest());
        raw::run(&url, format!("UPDATE audit_lanes SET head_mac = '{}', head_seal = '{seal}' WHERE node = 1 AND lane = 1", forged.link.mac)).await;
        let finding = audit::verify(&alone).await.unwrap().unwrap_err();
        assert_eq!(finding.problem, Problem::LaneChanged);
        // The next rotation does not bless it.
        let node = replacing(&app, THIRD, NEW).await;
        let rotated = secret_rotation::rotate(&node, true).await.unwrap();
        assert!(rotated.done && rotated.unopened["seals of the audit log"] >= 1, "{rotated:?}");
        let alone = app.second_node_with(&[("app_secret", THIRD)]).await;
        assert_eq!(audit::verify(&alone).await.unwrap().unwrap_err().problem, Problem::LaneChanged);
    }

    async fn what_was_changed_before_a_rotation_is_still_found(app: TestApp) {
        for _ in 0..3 {
            let mut tx = app.app.store.begin().await.unwrap();
            tx.record(app.app.event(EventKind::SettingsChanged)).await.unwrap();
            tx.commit().await.unwrap();
        }
        app.app.store.seal_audit().await.unwrap();
        let url = app.database_url();
        raw::run(&url, "UPDATE events SET kind = 'user.changed' WHERE node = 1 AND lane = 1 AND sequence = 2".to_owned()).await;
        let node = replacing(&app, NEW, APP_SECRET).await;
        let rotated = secret_rotation::rotate(&node, true).await.unwrap();
        assert!(rotated.done && rotated.unopened["seals of the audit log"] == 1, "{rotated:?}");
        let alone = app.second_node_with(&[("app_secret", NEW)]).await;
        let finding = audit::verify(&alone).await.unwrap().unwrap_err();
        assert_eq!((finding.problem, finding.sequence), (Problem::EventChanged, Some(2)));
    }

    async fn nodes_write_while_everything_is_sealed_anew(app: TestApp) {
        let alice = seal_one_of_each(&app).await;
        let old_node = app.second_node_with(&[("app_secret_next", NEW)]).await;
        let node = replacing(&app, NEW, APP_SECRET).await;
        let url = app.database_url();
        for number in 0..210 {
            let sealed = old_node.secrets.user_token.seal(&old_node.random, format!("b{number}").as_bytes(), b"token").unwrap();
            let row = [("id", format!("'b{number}'")), ("sealed_user_token", raw::quoted(&sealed))];
            raw::insert(&url, "user_bindings", &row).await;
        }
        let agent = node.store.read().await.unwrap().workload("agent").await.unwrap().unwrap();
        let writing = async {
            for number in 0..40 {
                let maker = if number % 2 == 0 { &old_node } else { &node };
                kept(maker, &agent, &given(&alice, &format!("account {number}"), number)).await;
                maker.store.seal_audit().await.unwrap();
            }
        };
        let (one, other, ()) = tokio::join!(secret_rotation::rotate(&node, true), secret_rotation::rotate(&node, true), writing);
        let (one, other) = (one.unwrap(), other.unwrap());
        assert!(one.unopened.is_empty() && other.unopened.is_empty(), "{one:?} {other:?}");
        // Whoever seals with the old one is gone now; its last word is found.
        old_node.store.close().await;
        let last = secret_rotation::rotate(&node, true).await.unwrap();
        assert!(last.done && last.remains.sealed.is_empty(), "{last:?}");
        let alone = app.second_node_with(&[("app_secret", NEW)]).await;
        for number in 0..210 {
            let binding = alone.store.read().await.unwrap().user_binding(&format!("b{number}")).await.unwrap().unwrap();
            let token = alone.secrets.user_token.open(binding.id.as_bytes(), binding.sealed_user_token.as_deref().unwrap());
            assert_eq!(token.as_deref(), Some(b"token".as_slice()));
        }
        let ids = raw::contents(&url).await["connections"].len();
        assert_eq!(ids, 41);
        for connection in alone.store.read().await.unwrap().connections_not_of_key("", "", 1000).await.unwrap() {
            let there = read(&alone, &connection.id).await.unwrap();
            alone.envelope.open(&there.binding(), &there.tokens).expect("it opens with the new secret alone");
        }
        audit::verify(&alone).await.unwrap().expect("the log is intact");
    }
}

#[test]
fn a_secret_has_the_same_keys_alone_and_beside_others() {
    let (old, new) = (SecretString::from(APP_SECRET), SecretString::from(NEW));
    let (alone, both) = (
        Secrets::derive(&new).unwrap(),
        Secrets::accepting(&new, &[old.clone(), new.clone()]).unwrap(),
    );
    assert_eq!(alone.check_value(), both.check_value());
    assert_eq!(both.check_values().count(), 2, "the same secret once more is none");
    assert_eq!(Secrets::check_value_of(&old).unwrap(), both.check_values().last().unwrap());
    assert_eq!(
        base64url(&alone.refresh_token.mac(&[b"x"])),
        base64url(&both.refresh_token.mac(&[b"x"]))
    );
    assert_eq!((both.vault.id(), both.other_vaults.len()), (alone.vault.id(), 1));
}

#[test]
fn the_first_secret_seals_and_every_one_opens_and_checks() {
    let random = Random::system();
    let all = [NEW, APP_SECRET, THIRD].map(SecretString::from);
    let ring = Secrets::accepting(&all[0], &all[1..]).unwrap();
    let alone = all.each_ref().map(|secret| Secrets::derive(secret).unwrap());
    for (at, one) in alone.iter().enumerate() {
        let is_first = at == 0;
        let sealed = ring.signing_key.seal(&random, b"kid", b"key").unwrap();
        assert_eq!(one.signing_key.open(b"kid", &sealed).is_some(), is_first, "what the ring seals");
        let sealed = one.signing_key.seal(&random, b"kid", b"key").unwrap();
        assert_eq!(ring.signing_key.open(b"kid", &sealed).as_deref(), Some(b"key".as_slice()));
        match ring.signing_key.reseal(&random, b"kid", &sealed).unwrap() {
            Resealed::Newest => assert!(is_first),
            Resealed::Anew(anew) => assert!(!is_first && alone[0].signing_key.open(b"kid", &anew).is_some()),
            Resealed::Unopened => panic!("the ring has this secret"),
        }
    }
    let macs: Vec<[u8; 32]> = alone.iter().map(|one| one.refresh_token.mac(&[b"x"])).collect();
    assert_eq!(ring.refresh_token.mac(&[b"x"]), macs[0]);
    assert_eq!(ring.refresh_token.macs(&[b"x"]).collect::<Vec<_>>(), macs);

    // Keys of the operator go before all of them, in the order of the file.
    let key = |byte| KeyEncryptionKey::new(&format!("key{byte}"), &[byte; 32]).unwrap();
    let derived: Vec<&str> = alone.iter().map(|one| one.vault.id()).collect();
    let (one, two) = (key(1), key(2));
    for of_operator in [vec![], vec![two, one]] {
        let mut ids: Vec<String> = of_operator.iter().map(|key| key.id().to_owned()).collect();
        ids.extend(derived.iter().map(|id| (*id).to_owned()));
        let envelope = Envelope::new(ring.vault.clone(), of_operator).also_opening(ring.other_vaults.clone());
        assert_eq!(envelope.keys().map(KeyEncryptionKey::id).collect::<Vec<_>>(), ids);
        let binding = binding_of("c1", "alice");
        assert_eq!(envelope.seal(&random, &binding, &tokens(1)).unwrap().key_id, ids[0]);
        for one in &alone {
            let sealed = Envelope::new(one.vault.clone(), Vec::new())
                .seal(&random, &binding, &tokens(2))
                .unwrap();
            assert_eq!(envelope.open(&binding, &sealed).unwrap(), tokens(2));
        }
    }
}
