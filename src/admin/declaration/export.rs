//! Writing what is there as a declaration: in an order that stays, without what is as it would be anyway,
//! and without any secret.

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_saphyr::ser_options;

use crate::app::App;
use crate::base::fault::Fault;
use crate::config::registry::Setting;
use crate::identity::account;
use crate::model::client::{ClientKind, ClientSettings};
use crate::model::scope::ScopeSettings;
use crate::model::user::UserSettings;
use crate::oauth::clients;

use super::Section;

const HEADER: &str = "# Written by gatehouse export, for gatehouse apply. Secrets and passwords are not in it.\n";

/// Writes sections as YAML. What it writes is what [`super::read`] reads, and the same state gives the same
/// text, byte by byte.
///
/// # Errors
/// When the database fails.
pub async fn export(app: &App, sections: &[Section]) -> Result<String, Fault> {
    let mut connection = app.store.read().await?;
    let mut top = Fields(vec![("version".to_owned(), Field::Value(1.into()))]);
    for section in Section::ALL.into_iter().filter(|section| sections.contains(section)) {
        let mut things: Vec<(String, Field)> = match section {
            Section::Settings => {
                let stored = connection.live_settings().await?.values;
                let is_usable =
                    |key: &str| Setting::find(key).is_some_and(|setting| setting.is_live) && !app.config.source(key).is_fixed();
                let usable = stored.into_iter().filter(|(key, _)| is_usable(key));
                usable.map(|(key, text)| (key, Field::Value(text.into()))).collect()
            }
            Section::Scopes => connection
                .scopes()
                .await?
                .0
                .into_iter()
                .filter(|scope| ScopeSettings::built_in(&scope.name).as_ref() != Some(&scope.settings))
                .map(|scope| {
                    let defaults = ScopeSettings::built_in(&scope.name).unwrap_or_default();
                    let fields = Fields::that_differ(&defaults, &scope.settings);
                    (scope.name, Field::Fields(fields))
                })
                .collect(),
            Section::Clients => {
                let clients = connection.every_client().await?.into_iter();
                clients.map(|client| (client.id, Field::Fields(client_fields(client.settings)))).collect()
            }
            Section::Users => {
                let users = connection.every_user().await?.into_iter();
                users.map(|user| (user.username.clone(), Field::Fields(user_fields(user.settings)))).collect()
            }
        };
        // The databases sort differently.
        things.sort_by(|left, right| left.0.cmp(&right.0));
        top.0.push((section.as_str().to_owned(), Field::Fields(Fields(things))));
    }
    let options = ser_options! {
        compact_list_indent: false,
        // Folding would make a change of one word a change of all lines.
        prefer_block_scalars: false,
    };
    let text = serde_saphyr::to_string_with_options(&top, options).map_err(Fault::internal)?;
    Ok(format!("{HEADER}{text}"))
}

/// The fields of a client, with the kind that leaves the fewest lines.
fn client_fields(settings: ClientSettings) -> Fields {
    let settings = clients::checked(settings.clone()).unwrap_or(settings);
    let of_kind = |kind: ClientKind| {
        let mut fields = Fields::that_differ(&ClientSettings::of_kind(kind), &settings);
        if kind != ClientKind::default() {
            fields.0.insert(0, ("kind".to_owned(), Field::Value(kind.as_str().into())));
        }
        fields
    };
    let all = ClientKind::ALL.into_iter().map(of_kind);
    // The first of several that are as good, so that it is always the same one.
    all.min_by_key(Fields::lines).unwrap_or_default()
}

fn user_fields(settings: UserSettings) -> Fields {
    let settings = account::checked(settings.clone()).unwrap_or(settings);
    let mut fields = Fields::that_differ(&UserSettings::default(), &settings);
    fields.0.retain(|(name, _)| name != "username");
    fields
}

/// Named values in the order in which they are written.
#[derive(Clone, Debug, Default)]
struct Fields(Vec<(String, Field)>);

#[derive(Clone, Debug)]
enum Field {
    Value(Value),
    Fields(Fields),
}

impl Fields {
    /// The fields in which `settings` differ from `defaults`, in the order of the type.
    fn that_differ<T: Serialize>(defaults: &T, settings: &T) -> Self {
        let defaults = serde_json::to_value(defaults).unwrap_or_default();
        let fields = serde_json::to_string(settings).ok().and_then(|text| serde_json::from_str::<Self>(&text).ok());
        let mut fields = fields.unwrap_or_default();
        fields.0.retain(|(name, field)| !matches!(field, Field::Value(value) if defaults.get(name) == Some(value)));
        fields
    }

    fn lines(&self) -> usize {
        let lines = |field: &Field| match field {
            Field::Value(Value::Array(items)) => 1 + items.len(),
            Field::Value(_) => 1,
            Field::Fields(fields) => 1 + fields.lines(),
        };
        self.0.iter().map(|(_, field)| lines(field)).sum()
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, field) in &self.0 {
            map.serialize_entry(name, field)?;
        }
        map.end()
    }
}

impl Serialize for Field {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => value.serialize(serializer),
            Self::Fields(fields) => fields.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Fields;
            fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
                f.write_str("a map")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    fields.push((name, Field::Value(value)));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}
