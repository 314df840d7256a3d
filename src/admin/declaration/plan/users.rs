//! Users: two of them cannot have the same e-mail address, not even for a moment.

use std::collections::{BTreeMap, BTreeSet};

use crate::admin::declaration::{Declared, DeclaredUser, Section};
use crate::model::user::{User, UserSettings};

use super::{FieldChange, Planner, Step, created, differences, origin, set_fields, unnamed, updated};

impl Planner<'_> {
    pub(super) fn users(&mut self, there: Vec<User>, declared: BTreeMap<String, Declared<DeclaredUser>>) {
        let mut there: BTreeMap<String, User> = there.into_iter().map(|user| (user.username.clone(), user)).collect();
        self.addresses(&there, &declared);
        for (username, Declared { place, value }) in declared {
            let DeclaredUser { settings, password } = value;
            match there.remove(&username) {
                Some(user) if user.settings == settings => self.plan.unchanged += 1,
                Some(user) => {
                    let change = updated(Section::Users, username, differences(&user.settings, &settings));
                    self.plan.push(place, change, Step::ChangeUser(user, settings));
                }
                None => {
                    let password = match password.transpose() {
                        Ok(password) => password,
                        Err(problem) => {
                            self.problems.push(problem);
                            continue;
                        }
                    };
                    let mut fields = set_fields(&UserSettings::default(), &settings);
                    fields.retain(|change| change.field != "username");
                    match &password {
                        Some(password) => fields.push(FieldChange::new("password", serde_json::Value::Null, origin(Some(password)))),
                        None => self.plan.notes.push(format!(
                            "users.{username} has no password_env or password_file and cannot sign in with a password until one is set: gatehouse user password {username}"
                        )),
                    }
                    let step = Step::CreateUser { settings, password };
                    self.plan.push(place, created(Section::Users, username, fields), step);
                }
            }
        }
        self.remove(Section::Users, there, Step::DeleteUser);
    }

    /// Finds addresses that go from one account to another, which must let go of them first, and those that
    /// belong to an account that keeps them.
    fn addresses(&mut self, there: &BTreeMap<String, User>, declared: &BTreeMap<String, Declared<DeclaredUser>>) {
        let holders: BTreeMap<&str, &User> = there.values().filter_map(|user| Some((user.email.as_deref()?, user))).collect();
        let mut released = BTreeSet::new();
        for (username, Declared { place, value }) in declared {
            let Some(email) = value.settings.email.as_deref() else { continue };
            let Some(holder) = holders.get(email).filter(|holder| holder.username != *username) else {
                continue;
            };
            let keeps = match declared.get(&holder.username) {
                Some(other) => other.value.settings.email.as_deref() == Some(email),
                None => !self.is_pruning,
            };
            if keeps {
                let message = format!("the e-mail address {email} belongs to the account {}", holder.username);
                self.problems.push(place.inside("email", place.line).problem(message));
            } else if released.insert(&holder.id) {
                let step = Step::ReleaseEmail(holder.id.clone());
                self.plan.steps.push((unnamed(Section::Users, &holder.username), step));
            }
        }
    }
}
