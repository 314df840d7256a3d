//! The key-encryption keys of the vault, below the signing keys: which there are, and what they wrap. Nothing is changed here;
//! the keys themselves stand in the configuration.

use super::view::page::Ui;
use super::view::parts::{Note, Section, Tag, Tone, counted};
use super::view::table::{Cell, Table};
use crate::admin::vault_keys::{self as engine, KeyUse};
use crate::web::error::Error;

/// The keys, and a warning when one is missing.
pub async fn section(ui: &Ui) -> Result<Section, Error> {
    let keys = engine::list(&ui.app).await?;
    let mut table = Table::new("Keys, and what they wrap", &["Key", "State", "Connections"], "There is no key.");
    for key in &keys {
        table.row(row(key));
    }
    let section = Section::new("Keys of the vault").line(
        "What the tokens of connections are wrapped by. They stand in the file of the setting vault_keys_file; without one the key comes from APP_SECRET. The command gatehouse vault rewrap wraps every connection by the one that seals.",
    );
    let lost: i64 = keys.iter().filter(|key| key.name.is_none()).map(|key| key.connections).sum();
    let section = if lost > 0 {
        section.part(
            Note::bad(format!("{} cannot be opened", counted(lost)))
                .line("This node does not have the key that wraps what people gave agents there. Put it back into the file of vault_keys_file and restart; without it these people have to be asked again."),
        )
    } else {
        section
    };
    Ok(section.part(table))
}

fn row(key: &KeyUse) -> Vec<Cell> {
    let name = match &key.name {
        Some(name) => Cell::text(name),
        None => Cell::text("unknown"),
    };
    let state = match (&key.name, key.seals) {
        (None, _) => Tag::new("Missing", Tone::Bad),
        (Some(_), true) => Tag::new("Seals", Tone::Good),
        (Some(_), false) => Tag::new("Opens only", Tone::Plain),
    };
    vec![
        name.note(&key.key_id),
        Cell::only_tag(state),
        Cell::text(key.connections.to_string()),
    ]
}
