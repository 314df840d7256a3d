//! Users.

use serde_json::{Map, Value};

use crate::base::clock::Timestamp;
use crate::base::fault::Fault;
use crate::model::user::{User, UserSettings};
use crate::protocol::scope::Scope;

use super::connection::Statement;
use super::many::Many;
use super::row::{Row, json, unreadable};
use super::sql::{hold, insert_if_absent, sql};
use super::upstream_revocations::RemovedWith;
use super::{Connection, Owner, Tx, WHOLE_PAGE};

/// Which users a list is about.
#[derive(Clone, Copy, Debug, Default)]
pub struct UsersWith<'a> {
    /// The beginning of the name in its normal form; empty: every name
    pub prefix: &'a str,
    /// Whether they are disabled; `None`: both
    pub is_disabled: Option<bool>,
}

/// Greater than every text that begins with the prefix before it: the last character there is.
const LAST: char = '\u{10FFFF}';

macro_rules! columns {
    () => {
        "id, username, email, is_email_verified, password_hash, profile, extra_claims, roles, allowed_scope, \
         is_disabled, created_at, updated_at, version"
    };
}
pub(super) use columns;
/// How many these are.
pub(super) const COLUMNS: usize = 13;

pub(super) fn user(row: Row<'_>) -> Result<User, Fault> {
    let allowed_scope = row.maybe_text(8)?;
    Ok(User {
        id: row.text(0)?,
        password_hash: row.maybe_text(4)?,
        settings: UserSettings {
            username: row.text(1)?,
            email: row.maybe_text(2)?,
            email_verified: row.flag(3)?,
            profile: row.json::<Map<String, Value>>(5)?,
            extra_claims: row.json::<Map<String, Value>>(6)?,
            roles: row.json(7)?,
            allowed_scope: allowed_scope
                .map(|scope| Scope::stored(&scope).map_err(|refusal| unreadable(refusal.description)))
                .transpose()?,
            is_disabled: row.flag(9)?,
        },
        created_at: row.integer(10)?,
        updated_at: row.integer(11)?,
        version: row.integer(12)?,
    })
}

macro_rules! insert {
    () => {
        concat!(
            "INSERT INTO users (",
            columns!(),
            ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
        )
    };
}

/// Binds every column.
fn bind_all<'c>(statement: Statement<'c>, user: &User) -> Result<Statement<'c>, Fault> {
    let statement = bind_facts(statement.text(&user.id), user)?;
    Ok(statement.bind(user.created_at).bind(user.updated_at).bind(user.version))
}

/// Binds everything between id and age, in the order of the columns.
fn bind_facts<'c>(statement: Statement<'c>, user: &User) -> Result<Statement<'c>, Fault> {
    Ok(statement
        .text(&user.username)
        .maybe_text(user.email.as_deref())
        .flag(user.email_verified)
        .maybe_text(user.password_hash.as_deref())
        .bind(json(&user.profile)?)
        .bind(json(&user.extra_claims)?)
        .bind(json(&user.roles)?)
        .bind(user.allowed_scope.as_ref().map(ToString::to_string))
        .flag(user.is_disabled))
}

impl Connection {
    /// The user with this id (`sub`), disabled or not.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn user(&mut self, id: &str) -> Result<Option<User>, Fault> {
        self.query(sql!("SELECT ", columns!(), " FROM users WHERE id = $1"))
            .text(id)
            .optional(user)
            .await
    }

    /// The user with this name, in the normal form of [`crate::model::user::normalize_username`].
    ///
    /// # Errors
    /// When the database fails.
    pub async fn user_by_name(&mut self, username: &str) -> Result<Option<User>, Fault> {
        self.query(sql!("SELECT ", columns!(), " FROM users WHERE username = $1"))
            .text(username)
            .optional(user)
            .await
    }

    /// Whoever may sign in under this name or this verified e-mail address, the name first: an
    /// address that nobody verified signs nobody in. One query, whether there is such a user or not.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn user_by_login(&mut self, username: &str, email: &str) -> Result<Option<User>, Fault> {
        let mut found = self
            .query(sql!(
                "SELECT ",
                columns!(),
                " FROM users WHERE username = $1 OR (email = $2 AND is_email_verified = 1)"
            ))
            .text(username)
            .text(email)
            .all(user)
            .await?;
        let by_name = found.iter().position(|user| user.username == username);
        Ok(by_name.map(|at| found.swap_remove(at)).or_else(|| found.pop()))
    }

    /// Up to `limit` users whose name is greater than `after`, by name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn users(&mut self, after: &str, limit: u16) -> Result<Vec<User>, Fault> {
        self.query(sql!(
            "SELECT ",
            columns!(),
            " FROM users WHERE username > $1 ORDER BY username LIMIT $2"
        ))
        .text(after)
        .bind(i64::from(limit))
        .all(user)
        .await
    }

    /// Up to `limit` users after the one of the name `after`, by name. What is looked for is a range of an index,
    /// so that it costs the same however many users there are.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn users_by_name(&mut self, with: UsersWith<'_>, after: &str, limit: u16) -> Result<Vec<User>, Fault> {
        // One lower bound: with two, SQLite may begin at the wrong one.
        let from = with.prefix.max(after);
        let end = format!("{}{LAST}", with.prefix);
        let statement = match with.is_disabled {
            None => self.query(sql!(
                "SELECT ",
                columns!(),
                " FROM users WHERE username >= $1 AND username < $2 AND username <> $3 ORDER BY username LIMIT $4"
            )),
            Some(is_disabled) => self
                .query(sql!(
                    "SELECT ",
                    columns!(),
                    " FROM users WHERE is_disabled = $1 AND username >= $2 AND username < $3 AND username <> $4 \
                       ORDER BY username LIMIT $5"
                ))
                .flag(is_disabled),
        };
        statement.text(from).text(&end).text(after).bind(i64::from(limit)).all(user).await
    }

    /// As [`Self::users_by_name`], with the prefix as the beginning of the e-mail address. All users with such an
    /// address are looked at, few of all there are: `COALESCE` keeps SQLite, which does not know that, from walking
    /// through everybody in the order of the names.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn users_by_email(&mut self, with: UsersWith<'_>, after: &str, limit: u16) -> Result<Vec<User>, Fault> {
        let end = format!("{}{LAST}", with.prefix);
        self.query(sql!(
            "SELECT ",
            columns!(),
            " FROM users WHERE email >= $1 AND email < $2 AND COALESCE(username, '') > $3 \
               AND COALESCE(is_disabled, 0) >= $4 AND COALESCE(is_disabled, 0) <= $5 ORDER BY COALESCE(username, '') LIMIT $6"
        ))
        .text(with.prefix)
        .text(&end)
        .text(after)
        .flag(with.is_disabled.unwrap_or(false))
        .flag(with.is_disabled.unwrap_or(true))
        .bind(i64::from(limit))
        .all(user)
        .await
    }

    /// How many users there are.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn count_users(&mut self) -> Result<i64, Fault> {
        let count = self
            .query(sql!("SELECT COUNT(*) FROM users"))
            .aside()
            .optional(|row| row.integer(0))
            .await?;
        Ok(count.unwrap_or_default())
    }

    /// Every user, by name; page by page, so that no statement takes long.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn every_user(&mut self) -> Result<Vec<User>, Fault> {
        let mut users: Vec<User> = Vec::new();
        loop {
            let after = users.last().map_or(String::new(), |user| user.username.clone());
            let page = self.users(&after, WHOLE_PAGE).await?;
            let is_last = page.len() < usize::from(WHOLE_PAGE);
            users.extend(page);
            if is_last {
                return Ok(users);
            }
        }
    }

    /// Whether a name or an address belongs to another account than `user_id`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn is_login_taken(&mut self, user_id: &str, username: &str, email: Option<&str>) -> Result<Option<&'static str>, Fault> {
        let others = self
            .query(sql!("SELECT username FROM users WHERE (username = $1 OR email = $2) AND id <> $3"))
            .text(username)
            .text(email.unwrap_or_default())
            .text(user_id)
            .all(|row| row.text(0))
            .await?;
        Ok(match others.as_slice() {
            [] => None,
            others if others.iter().any(|other| other == username) => Some("username"),
            _ => Some("email"),
        })
    }
}

impl Tx {
    /// Adds a user; false when the name or the address is taken.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert_user(&mut self, user: &User) -> Result<bool, Fault> {
        bind_all(self.query(insert_if_absent!(insert!())), user)?.insert_if_absent().await
    }

    /// Adds many users whose names and addresses nobody has.
    ///
    /// # Errors
    /// When the database fails, or somebody has.
    pub async fn insert_users(&mut self, users: &[User]) -> Result<(), Fault> {
        static MANY: Many = Many::of(sql!(insert!()));
        self.insert_many(&MANY, users, bind_all).await
    }

    /// Replaces what the operator decides about a user, if it is still of the version that `user` was
    /// read with. The password is not touched: it has ways of its own. False when somebody changed or deleted it meanwhile.
    ///
    /// # Errors
    /// When the database fails, or the name or the address is taken.
    pub async fn update_user(&mut self, user: &User) -> Result<bool, Fault> {
        let updated = self
            .query(sql!(
                "UPDATE users SET username = $1, email = $2, is_email_verified = $3, profile = $4, extra_claims = $5, roles = $6, \
                 allowed_scope = $7, is_disabled = $8, updated_at = $9, version = version + 1 WHERE id = $10 AND version = $11"
            ))
            .text(&user.username)
            .maybe_text(user.email.as_deref())
            .flag(user.email_verified)
            .bind(json(&user.profile)?)
            .bind(json(&user.extra_claims)?)
            .bind(json(&user.roles)?)
            .bind(user.allowed_scope.as_ref().map(ToString::to_string))
            .flag(user.is_disabled)
            .bind(user.updated_at)
            .text(&user.id)
            .bind(user.version)
            .execute()
            .await?;
        Ok(updated == 1)
    }

    /// Takes a user for removal, if they are still of the version that `user` was read with. False when somebody
    /// changed or deleted them meanwhile.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim_user(&mut self, user: &User) -> Result<bool, Fault> {
        let claimed = self
            .query(sql!("UPDATE users SET version = version + 1 WHERE id = $1 AND version = $2"))
            .text(&user.id)
            .bind(user.version)
            .execute()
            .await?;
        Ok(claimed == 1)
    }

    /// Takes the e-mail address from a user, whatever their version: another account is about to get it, and
    /// this one is about to be changed or removed in the same transaction.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn release_email(&mut self, user_id: &str) -> Result<(), Fault> {
        self.query(sql!("UPDATE users SET email = NULL WHERE id = $1"))
            .text(user_id)
            .execute()
            .await
            .map(drop)
    }

    /// Holds a user's row until the transaction ends, if the account may still sign in with this very
    /// password hash. Whoever changes either waits, or has been first; then this is false.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hold_sign_in(&mut self, user_id: &str, password_hash: &str) -> Result<bool, Fault> {
        self.hold(hold!("users", "updated_at", "id = $1 AND password_hash = $2 AND is_disabled = 0"))
            .text(user_id)
            .text(password_hash)
            .held()
            .await
    }

    /// Holds a user's row until the transaction ends, so that what is added for them cannot outlive them unseen. False
    /// when they are gone or disabled.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn hold_user(&mut self, user_id: &str) -> Result<bool, Fault> {
        self.hold(hold!("users", "updated_at", "id = $1 AND is_disabled = 0"))
            .text(user_id)
            .held()
            .await
    }

    /// Sets a password hash and nothing else; false when there is no such user.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_password_hash(&mut self, user_id: &str, password_hash: &str, now: Timestamp) -> Result<bool, Fault> {
        let updated = self
            .query(sql!(
                "UPDATE users SET password_hash = $1, updated_at = $2, version = version + 1 WHERE id = $3"
            ))
            .text(password_hash)
            .bind(now)
            .text(user_id)
            .execute()
            .await?;
        Ok(updated == 1)
    }

    /// Replaces a password hash, unless somebody else did so first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn upgrade_password_hash(&mut self, user_id: &str, old: &str, new: &str) -> Result<bool, Fault> {
        let updated = self
            .query(sql!("UPDATE users SET password_hash = $1 WHERE id = $2 AND password_hash = $3"))
            .text(new)
            .text(user_id)
            .text(old)
            .execute()
            .await?;
        Ok(updated == 1)
    }

    /// Ends everything that acts for a user: sessions and grants.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sign_out_everywhere(&mut self, user_id: &str, now: Timestamp) -> Result<(), Fault> {
        self.query(sql!("DELETE FROM sessions WHERE user_id = $1"))
            .text(user_id)
            .execute()
            .await?;
        self.query(sql!("UPDATE grants SET revoked_at = $1 WHERE user_id = $2 AND revoked_at IS NULL"))
            .bind(now)
            .text(user_id)
            .aside()
            .execute()
            .await?;
        Ok(())
    }

    /// Removes a user with their sessions, grants, consents and connections; what these have at providers is to be taken back
    /// there. False when there is no such user.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn delete_user(&mut self, user_id: &str, now: Timestamp) -> Result<bool, Fault> {
        let sessions = self.query(sql!("DELETE FROM sessions WHERE user_id = $1"));
        sessions.text(user_id).aside().execute().await?;
        self.remove_belongings(Owner::User(user_id)).await?;
        let deleted = self.query(sql!("DELETE FROM users WHERE id = $1")).text(user_id).execute().await?;
        // Whoever adds one holds the user's row until it is written.
        self.remove_connections(RemovedWith::User(user_id), now).await?;
        Ok(deleted == 1)
    }
}
