//! Where secrets and tokens go: what they were given for stays as it is, or they are given again.

use std::collections::BTreeMap;

use crate::model::provider::{Endpoints, ProviderKind, ProviderSettings};

use super::presets;

/// Whether secrets and tokens would go elsewhere.
#[must_use]
pub fn leads_elsewhere(before: &ProviderSettings, after: &ProviderSettings) -> bool {
    addresses(before) != addresses(after)
}

/// What decides where secrets and tokens go.
type Addresses<'a> = (
    ProviderKind,
    &'a str,
    BTreeMap<&'a str, &'a str>,
    Option<&'a str>,
    Option<&'a Endpoints>,
);

fn addresses(settings: &ProviderSettings) -> Addresses<'_> {
    let preset = presets::find(&settings.preset);
    let parameters = preset.map_or(&[][..], |preset| preset.parameters).iter();
    let values = parameters.filter(|parameter| parameter.is_address).filter_map(|parameter| {
        let set = settings.parameters.get(parameter.name).map(String::as_str);
        Some((parameter.name, set.or(parameter.default)?))
    });
    (
        settings.kind,
        &settings.preset,
        values.collect(),
        settings.issuer.as_deref(),
        settings.endpoints.as_ref(),
    )
}
