//! What decides where the secret of a provider and the tokens of people go. Secrets are sealed together with it: in a row that
//! somebody has changed in the database they do not open, so they go nowhere else.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::base::fault::Fault;
use crate::model::provider::{Endpoints, ProviderKind, ProviderSettings};

use super::presets;

/// Whether secrets and tokens would go elsewhere.
#[must_use]
pub fn leads_elsewhere(before: &ProviderSettings, after: &ProviderSettings) -> bool {
    Addresses::of(before) != Addresses::of(after)
}

/// What decides where secrets and tokens go. As JSON it is a part of what secrets are sealed for: whoever changes how it is
/// written makes operators enter them again.
#[derive(PartialEq, Eq, Serialize)]
pub(super) struct Addresses<'a> {
    kind: ProviderKind,
    preset: &'a str,
    /// Those parameters of the preset that stand in addresses and are not what they are anyway
    parameters: BTreeMap<&'a str, &'a str>,
    issuer: Option<&'a str>,
    endpoints: Option<&'a Endpoints>,
}

impl<'a> Addresses<'a> {
    /// The addresses of these settings.
    pub(super) fn of(settings: &'a ProviderSettings) -> Self {
        let preset = presets::find(&settings.preset);
        let parameters = preset.map_or(&[][..], |preset| preset.parameters).iter();
        let values = parameters.filter(|parameter| parameter.is_address).filter_map(|parameter| {
            let set = settings.parameters.get(parameter.name).map(String::as_str);
            Some((parameter.name, set.filter(|set| parameter.default != Some(*set))?))
        });
        Self {
            kind: settings.kind,
            preset: &settings.preset,
            parameters: values.collect(),
            issuer: settings.issuer.as_deref(),
            endpoints: settings.endpoints.as_ref(),
        }
    }

    /// What is sealed for these addresses of the provider with this id, for one use: each part after its length, so that no
    /// two of them read alike.
    ///
    /// # Errors
    /// When they cannot be written down, which there is no reason for.
    pub(super) fn context(&self, provider_id: &str, purpose: &str) -> Result<Vec<u8>, Fault> {
        let addresses = serde_json::to_string(self).map_err(Fault::internal)?;
        let mut context = Vec::new();
        for part in ["provider secret", purpose, provider_id, &addresses] {
            context.extend_from_slice(&(part.len() as u64).to_be_bytes());
            context.extend_from_slice(part.as_bytes());
        }
        Ok(context)
    }
}
