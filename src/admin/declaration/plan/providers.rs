//! Providers: what they were given is for the addresses that they have, and people may depend on them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::admin::declaration::{Declared, DeclaredCredential, DeclaredProvider, Section};
use crate::base::fault::Fault;
use crate::federation::providers::{CredentialKind, ProviderError, STAYS, SecretChange, is_unconfirmed, leads_elsewhere};
use crate::model::provider::{Provider, ProviderSettings};
use crate::store::Connection;

use super::{FieldChange, Planner, Step, created, differences, set_fields, unnamed, updated};

/// What somebody can do who would remove a provider that people use.
const ADVICE: &str = "disable it instead, or say --with-connections to remove them with it; they are taken back at the provider then";

impl Planner<'_> {
    pub(super) async fn providers(
        &mut self,
        connection: &mut Connection,
        declared: BTreeMap<String, Declared<DeclaredProvider>>,
    ) -> Result<(), Fault> {
        let there = connection.providers().await?.into_iter();
        let mut there: BTreeMap<String, Provider> = there.map(|provider| (provider.id.clone(), provider)).collect();
        for (id, declared) in declared {
            match there.remove(&id) {
                None => self.new_provider(id, declared),
                Some(provider) => self.known_provider(connection, provider, declared).await?,
            }
        }
        if !self.is_pruning {
            return Ok(());
        }
        for (id, provider) in there {
            let count = connection.count_connections_at(&id).await?;
            if count > 0 && !self.with_connections {
                let message = ProviderError::InUse(count, ADVICE).to_string();
                self.problems.push(unnamed(Section::Providers, &id).problem(message));
                continue;
            }
            let step = Step::DeleteProvider {
                provider: Box::new(provider),
                with_connections: self.with_connections,
            };
            self.remove_one(Section::Providers, id, lost_connections(count), step);
        }
        Ok(())
    }

    fn new_provider(&mut self, id: String, Declared { place, value }: Declared<DeclaredProvider>) {
        let DeclaredProvider { settings, secret } = value;
        let mut fields = set_fields(&ProviderSettings::default(), &settings);
        let kind = CredentialKind::of(&settings);
        if let Some(secret) = &secret {
            fields.push(new_secret(Value::Null, secret));
        } else if kind.is_needed() {
            let name = kind.as_str();
            self.plan.notes.push(format!(
                "providers.{id} has no {name}_env or {name}_file, and nobody gets anything from it until it has a secret"
            ));
        }
        let step = Step::RegisterProvider {
            id: id.clone(),
            settings,
            secret: secret.map(|secret| secret.credential),
        };
        self.plan.push(place, created(Section::Providers, id, fields), step);
    }

    async fn known_provider(
        &mut self,
        connection: &mut Connection,
        provider: Provider,
        Declared { place, value }: Declared<DeclaredProvider>,
    ) -> Result<(), Fault> {
        let DeclaredProvider { settings, secret } = value;
        let leads_elsewhere = leads_elsewhere(&provider.settings, &settings);
        let (old, new) = (CredentialKind::of(&provider), CredentialKind::of(&settings));
        let has_secret = provider.has_secret();
        let before = if has_secret { Value::from("another") } else { Value::Null };
        let mut fields = differences(&provider.settings, &settings);
        let mut problem = None;
        let secret = match secret {
            Some(secret) if !leads_elsewhere && secret.credential.is_kept_by(self.app, &provider) => SecretChange::Keep,
            Some(secret) => {
                fields.push(new_secret(before, &secret));
                SecretChange::Set(secret.credential)
            }
            None if has_secret && new == CredentialKind::Nothing => {
                fields.push(FieldChange::new(old.as_str(), "set", Value::Null));
                SecretChange::Remove
            }
            None if has_secret && old != new => {
                problem = Some("the provider now wants another kind of secret");
                SecretChange::Keep
            }
            None if has_secret && leads_elsewhere => {
                problem = Some("the secret was given for the addresses that the provider had");
                SecretChange::Keep
            }
            // The file says where it is, and that is sealed with the row.
            None if !new.is_needed() && is_unconfirmed(self.app, &provider) => {
                fields.push(FieldChange::new("addresses", "not confirmed", "confirmed"));
                SecretChange::Remove
            }
            None => SecretChange::Keep,
        };
        if let Some(problem) = problem {
            let name = new.as_str();
            let message = format!("{problem}: say with this change where it is, as {name}_env or {name}_file");
            self.problems.push(place.problem(message));
            return Ok(());
        }
        if leads_elsewhere {
            let count = connection.count_connections_at(&provider.id).await?;
            if count > 0 {
                let message = ProviderError::InUse(count, STAYS).to_string();
                self.problems.push(place.problem(message));
                return Ok(());
            }
        }
        if fields.is_empty() {
            self.plan.unchanged += 1;
            return Ok(());
        }
        let change = updated(Section::Providers, provider.id.clone(), fields);
        let provider = Box::new(provider);
        let step = Step::ChangeProvider {
            provider,
            settings,
            secret,
        };
        self.plan.push(place, change, step);
        Ok(())
    }
}

/// How many connections go with a thing, if any do.
pub(super) fn lost_connections(count: i64) -> Vec<FieldChange> {
    let lost = (count > 0).then(|| FieldChange::new("connections", count, 0));
    lost.into_iter().collect()
}

fn new_secret(before: impl Into<Value>, secret: &DeclaredCredential) -> FieldChange {
    FieldChange::new(secret.credential.field(), before, format!("from {}", secret.origin))
}
