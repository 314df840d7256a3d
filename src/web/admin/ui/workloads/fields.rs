//! The fields of a workload, and reading them.

use std::collections::BTreeMap;

use crate::admin::AdminError;
use crate::model::workload::WorkloadSettings;
use crate::protocol::parameters::Parameters;

use super::super::view::field::{Field, lines};
use super::super::view::form::Form;
use super::super::view::page::text;
use super::ceilings;

/// Everything but its name and owner. `known` are the providers there are.
pub fn fields(form: Form, settings: &WorkloadSettings, known: &BTreeMap<String, String>) -> Form {
    form.field(
        Field::text("display_name", "Name for people")
            .value(&settings.display_name)
            .hint("People read it when the agent asks them. Empty: its name.")
            .optional(),
    )
    .field(ceilings::field(&settings.ceilings, known))
    .field(
        Field::check("has_no_ceilings", "It may ask for anything at all providers of its client", settings.has_no_ceilings).hint(
            "Careful: then only the person who is asked stands between the agent and everything that they have there, and nobody between it and the API keys among them. Whose a provider is says its owner.",
        ),
    )
    .field(
        Field::lines("return_uris", "Return URIs, one per line", &settings.return_uris)
            .hint("Where people may be sent back to after they were asked, each exactly. None: they stay on a page here.")
            .optional(),
    )
    .field(
        Field::check("may_name_users", "It may act for any person, named by id alone", settings.may_name_users).hint(
            "Careful: whoever has its client’s secret then gets what any person here has given this agent, without a token of theirs. Leave it off where the agent can send one. Each use is in the audit log.",
        ),
    )
}

/// Reads the fields; what has none stays.
pub fn read(typed: &Parameters, settings: WorkloadSettings) -> Result<WorkloadSettings, AdminError> {
    Ok(WorkloadSettings {
        display_name: text(typed, "display_name").to_owned(),
        return_uris: lines(typed, "return_uris"),
        ceilings: ceilings::read(typed, &settings.ceilings)?,
        has_no_ceilings: !text(typed, "has_no_ceilings").is_empty(),
        may_name_users: !text(typed, "may_name_users").is_empty(),
        ..settings
    })
}
