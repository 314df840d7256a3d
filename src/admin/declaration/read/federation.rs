//! Providers and workloads.

use std::path::Path;

use serde_json::Value;

use crate::admin::declaration::tree::{Entry, Node};
use crate::admin::declaration::{Declared, DeclaredCredential, DeclaredProvider, DeclaredWorkload, Place};
use crate::federation::providers::{self, Credential};
use crate::federation::workloads;
use crate::model::provider::ProviderSettings;
use crate::model::workload::WorkloadSettings;

use super::fields::{Shape, read_fields};
use super::{NO_SECRET, Reader, field, insert};

const NO_PRIVATE_KEY: &str = "a private key does not belong into this text: put it into a variable or a file, as a JWK, and name that as private_key_env or private_key_file";
const NO_API_KEY: &str =
    "an API key does not belong into this text: put it into a variable or a file, and name that as api_key_env or api_key_file";
/// What a secret of a provider can be.
const SECRETS: [&str; 3] = ["client_secret", "private_key", "api_key"];

impl Reader<'_> {
    pub(super) fn read_provider(&mut self, place: Place, entry: &Entry, folder: &Path) {
        let before = self.problems.len();
        if let Err(problem) = providers::check_id(&entry.name) {
            self.problems.push(place.problem(problem.message));
        }
        let shape = Shape {
            hints: &[
                ("id", "the id is the name of the entry"),
                ("client_secret", NO_SECRET),
                ("private_key", NO_PRIVATE_KEY),
                ("api_key", NO_API_KEY),
            ],
            further: &[
                "client_secret_env",
                "client_secret_file",
                "private_key_env",
                "private_key_file",
                "api_key_env",
                "api_key_file",
            ],
            ..Shape::of(ProviderSettings::default())
        };
        let Some(settings) = read_fields(&shape, &place, &entry.node, &mut self.problems) else {
            return;
        };
        let secret = self.credential(&place, &entry.node, folder);
        let credential = secret.as_ref().map(|(_, secret)| &secret.credential);
        let settings = providers::normalized(settings, credential);
        let found = providers::problems(self.app, &settings);
        self.add(&place, &entry.node, found);
        if let Some((place, secret)) = &secret
            && let Err(invalid) = secret.credential.check(&settings)
        {
            self.problems.push(place.problem(invalid.message));
        }
        if self.problems.len() == before {
            let section = self.declaration.providers.get_or_insert_default();
            let secret = secret.map(|(_, secret)| secret);
            let value = DeclaredProvider { settings, secret };
            insert(section, &mut self.problems, entry.name.clone(), Declared { place, value });
        }
    }

    /// The secret of a provider, and where it is said where that is.
    fn credential(&mut self, place: &Place, node: &Node, folder: &Path) -> Option<(Place, DeclaredCredential)> {
        let mut found: Option<(Place, DeclaredCredential)> = None;
        for name in SECRETS {
            let Some((place, origin)) = self.origin(place, node, name) else {
                continue;
            };
            let read = origin.fetch(self.environment, folder).and_then(|secret| {
                let credential = match name {
                    "private_key" => Credential::read_key(&secret.text).map_err(|invalid| invalid.message)?,
                    "api_key" => Credential::ApiKey(secret.text),
                    _ => Credential::ClientSecret(secret.text),
                };
                let origin = secret.origin;
                Ok(DeclaredCredential { credential, origin })
            });
            match (read, &found) {
                (Err(message), _) => self.problems.push(place.problem(message)),
                (Ok(_), Some((other, _))) => {
                    let message = format!("a provider has one secret, and {} says where it is already", other.path);
                    self.problems.push(place.problem(message));
                }
                (Ok(secret), None) => found = Some((place, secret)),
            }
        }
        found
    }

    pub(super) fn read_workload(&mut self, place: Place, entry: &Entry) {
        let before = self.problems.len();
        if let Err(problem) = workloads::check_name(&entry.name) {
            self.problems.push(place.problem(problem.message));
        }
        let shape = Shape {
            hints: &[("name", "the name is the name of the entry")],
            further: &["client_id"],
            ..Shape::of(WorkloadSettings::default())
        };
        let Some(settings) = read_fields(&shape, &place, &entry.node, &mut self.problems) else {
            return;
        };
        let settings = workloads::normalized(settings);
        let found = workloads::problems(&settings);
        self.add(&place, &entry.node, found);
        let client_id = match field(&entry.node, "client_id").map(|entry| (entry.line, &entry.node)) {
            Some((line, Node::Scalar(Value::String(id)))) if !id.is_empty() => Some(Declared {
                place: place.inside("client_id", line),
                value: id.clone(),
            }),
            given => {
                let line = given.map_or(place.line, |(line, _)| line);
                let message = "must be the client_id of the client that owns the workload, a text";
                self.problems.push(place.inside("client_id", line).problem(message));
                None
            }
        };
        if let Some(client_id) = client_id.filter(|_| self.problems.len() == before) {
            let section = self.declaration.workloads.get_or_insert_default();
            let value = DeclaredWorkload { client_id, settings };
            insert(section, &mut self.problems, entry.name.clone(), Declared { place, value });
        }
    }
}
