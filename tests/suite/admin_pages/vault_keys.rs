//! The keys of the vault, below the signing keys.

use gatehouse::federation::providers::register;
use gatehouse::model::provider::ProviderSettings;

use super::{Desk, words};
use crate::support::database::execute;
use crate::vault;

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_of_the_vault_are_listed_and_a_missing_one_is_warned_of() {
    let desk = Desk::new().await;
    let (_, connection) = vault::connected(&desk.app).await;
    let said = words(&desk.get("/admin/signing-keys").await);
    assert!(said.contains("Keys of the vault") && said.contains("derived"), "{said}");
    assert!(said.contains("Seals Connections 1"), "{said}");
    assert!(!said.contains("cannot be opened"), "{said}");
    assert!(!words(&desk.get("/admin").await).contains("A key of the vault is missing"));

    let gone = format!("UPDATE connections SET key_id = '0123456789abcdef' WHERE id = '{}'", connection.id);
    execute(&desk.app.database_url(), gone).await;
    let said = words(&desk.get("/admin/signing-keys").await);
    assert!(said.contains("1 connection cannot be opened"), "{said}");
    assert!(said.contains("unknown 0123456789abcdef State Missing Connections 1"), "{said}");
    let said = words(&desk.get("/admin").await);
    assert!(
        said.contains("A key of the vault is missing") && said.contains("0123456789abcdef"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_providers_counts_connections() {
    let desk = Desk::new().await;
    let settings = ProviderSettings {
        name: "Mail".to_owned(),
        preset: "google".to_owned(),
        client_id: "us".to_owned(),
        ..ProviderSettings::default()
    };
    register(&desk.app.app, "mail", settings, None).await.unwrap();
    assert!(words(&desk.get("/admin/providers").await).contains("Without secret Connections 0"));
    vault::connected(&desk.app).await;
    let said = words(&desk.get("/admin/providers").await);
    assert!(
        said.contains("Mail Id mail Preset Google State Without secret Connections 1"),
        "{said}"
    );
}
