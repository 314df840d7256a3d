//! What an agent may ask for: a row for each provider, with a box and a line of scopes. Where there are too many for a form,
//! they are typed instead, a line each.

use std::collections::BTreeMap;

use crate::admin::AdminError;
use crate::admin::page::{MAX_LIMIT, Page};
use crate::admin::providers;
use crate::app::App;
use crate::protocol::parameters::Parameters;
use crate::protocol::scope::Scope;

use super::super::view::field::{Choice, Field, line_of, lines};
use super::super::view::page::text;

/// The name of the field.
pub const CEILINGS: &str = "ceilings";
/// With more providers than this, they are typed, not ticked: a form has a limited number of fields.
const MAX_ROWS: usize = 35;
const LABEL: &str = "What it may ask for";
const HINT: &str = "At a provider that is not ticked it gets nothing, unless the box below says otherwise. Behind a ticked one: the most that it may ask for there, with spaces between scopes; empty is nothing but what is always asked for, which is enough for API keys.";

/// The providers there are, by id, with their names.
pub async fn known(app: &App) -> Result<BTreeMap<String, String>, AdminError> {
    let page = Page::parse(Some(&MAX_LIMIT.to_string()), None)?;
    let listed = providers::list(app, &page).await?;
    Ok(listed
        .items
        .into_iter()
        .map(|provider| (provider.id, provider.settings.name))
        .collect())
}

/// The field.
pub fn field(ceilings: &BTreeMap<String, Scope>, known: &BTreeMap<String, String>) -> Field {
    let unknown = ceilings.keys().filter(|id| !known.contains_key(*id));
    if known.len() + unknown.clone().count() > MAX_ROWS {
        let rows: Vec<String> = ceilings.iter().map(|(id, scope)| format!("{id}: {scope}")).collect();
        return Field::lines(CEILINGS, format!("{LABEL}, one provider per line"), &rows).hint(
            "As id: scope scope. At a provider that is not named it gets nothing, unless the box below says otherwise; without scopes, nothing but what is always asked for.",
        );
    }
    let row = |id: &String, label: String| {
        let ceiling = ceilings.get(id);
        let line = ceiling.map(Scope::to_string).unwrap_or_default();
        Choice::new(id, &label, "Scopes at", ceiling.is_some()).line(line)
    };
    let named = known.iter().map(|(id, name)| row(id, format!("{name} ({id})")));
    let unknown = unknown.map(|id| row(id, format!("{id}: there is no such provider")));
    let field = Field::checks_with_lines(CEILINGS, LABEL, named.chain(unknown).collect());
    if known.is_empty() {
        return field.hint("There is no provider yet. Add one, and come back.");
    }
    field.hint(HINT)
}

/// Reads the field, in either form; `current` is what is there now.
pub fn read(typed: &Parameters, current: &BTreeMap<String, Scope>) -> Result<BTreeMap<String, Scope>, AdminError> {
    let mut read = BTreeMap::new();
    let is_typed = typed.all(CEILINGS).any(|value| value.contains([':', '\n']));
    if is_typed {
        for line in lines(typed, CEILINGS) {
            let (id, scope) = read_line(&line)?;
            if read.contains_key(&id) {
                return Err(AdminError::invalid(CEILINGS, format!("there are two lines for {id}")));
            }
            read.insert(id, scope);
        }
        return Ok(read);
    }
    for id in typed.all(CEILINGS) {
        read.insert(id.to_owned(), scope(id, &line(typed, id))?);
    }
    // Scopes behind a box that is not ticked are those of a ceiling that goes. If not, somebody has forgotten the box.
    let prefix = line_of(CEILINGS, "");
    for id in typed.names().filter_map(|name| name.strip_prefix(&prefix)) {
        let said = line(typed, id);
        let is_new = !said.is_empty() && current.get(id).is_none_or(|scope| scope.to_string() != said);
        if is_new && !read.contains_key(id) {
            return Err(AdminError::invalid(
                CEILINGS,
                format!("{id} has scopes and is not ticked: tick it, or leave its scopes empty"),
            ));
        }
    }
    Ok(read)
}

/// What stands behind the box of a provider.
fn line(typed: &Parameters, id: &str) -> String {
    text(typed, &line_of(CEILINGS, id)).to_owned()
}

fn read_line(line: &str) -> Result<(String, Scope), AdminError> {
    let (id, said) = line.split_once(':').unwrap_or((line, ""));
    let id = id.trim();
    Ok((id.to_owned(), scope(id, said)?))
}

fn scope(id: &str, said: &str) -> Result<Scope, AdminError> {
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    Scope::parse(&said).map_err(|refusal| AdminError::invalid(CEILINGS, format!("{id}: {}", refusal.description)))
}
