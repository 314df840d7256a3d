//! Every column that holds something sealed with a key that is derived from `APP_SECRET`, for whoever seals all of it anew.
//! (The tokens of connections have data keys of their own, which are wrapped: see `connections` and `upstream_revocations`.)

use crate::base::fault::Fault;

use super::sql::{Sql, sql};
use super::{Connection, Tx};

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealedColumn {
    /// Private halves of signing keys
    SigningKey,
    /// Secrets of clients that make MACs with them
    ClientSecret,
    /// Secrets of access keys
    AccessKey,
    /// What proves to providers that we are their client
    ProviderSecret,
    /// The same, of providers that are gone
    FormerProviderSecret,
    /// Answers that wait for whoever collects them
    CallbackAnswer,
    /// Tokens that name people, while a flow waits
    UserToken,
    /// What must come back with a person who is at a provider
    ConnectionFlow,
    /// What came back, until the agent says that it was its person
    ConnectionReturn,
}

/// What is sealed in one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedText {
    /// The row
    pub id: String,
    /// To whom it belongs, where that is a part of what it is sealed for
    pub owner: String,
    /// As it stands
    pub sealed: String,
}

/// The statements that read a page of a column, and that replace one text of it. Where rows have a version it counts as a
/// change: whoever read one before and writes all of it would put the old text back.
macro_rules! column {
    ($table:literal, $column:literal, $owner:literal) => {
        column!($table, $column, $owner, "")
    };
    ($table:literal, $column:literal, $owner:literal, $change:literal) => {
        [
            sql!(
                "SELECT id, ",
                $owner,
                ", ",
                $column,
                " FROM ",
                $table,
                " WHERE ",
                $column,
                " IS NOT NULL AND id > $1 ORDER BY id LIMIT $2"
            ),
            sql!(
                "UPDATE ",
                $table,
                " SET ",
                $column,
                " = $1",
                $change,
                " WHERE id = $2 AND ",
                $column,
                " = $3"
            ),
        ]
    };
}

impl SealedColumn {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::SigningKey,
        Self::ClientSecret,
        Self::AccessKey,
        Self::ProviderSecret,
        Self::FormerProviderSecret,
        Self::CallbackAnswer,
        Self::UserToken,
        Self::ConnectionFlow,
        Self::ConnectionReturn,
    ];

    /// What it is, for people.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::SigningKey => "signing keys",
            Self::ClientSecret => "secrets of clients",
            Self::AccessKey => "access keys",
            Self::ProviderSecret => "secrets of providers",
            Self::FormerProviderSecret => "secrets of former providers",
            Self::CallbackAnswer => "answers of providers",
            Self::UserToken => "user tokens",
            Self::ConnectionFlow => "people at providers",
            Self::ConnectionReturn => "people who have come back",
        }
    }

    /// Table and column.
    #[must_use]
    pub fn place(self) -> (&'static str, &'static str) {
        match self {
            Self::SigningKey => ("signing_keys", "sealed_private_key"),
            Self::ClientSecret => ("clients", "sealed_secret"),
            Self::AccessKey => ("access_keys", "sealed_secret"),
            Self::ProviderSecret => ("providers", "sealed_secret"),
            Self::FormerProviderSecret => ("former_providers", "sealed_secret"),
            Self::CallbackAnswer => ("callbacks", "sealed_answer"),
            Self::UserToken => ("user_bindings", "sealed_user_token"),
            Self::ConnectionFlow => ("connection_sessions", "sealed_flow"),
            Self::ConnectionReturn => ("connection_sessions", "sealed_return"),
        }
    }

    fn statements(self) -> [Sql; 2] {
        match self {
            Self::SigningKey => column!("signing_keys", "sealed_private_key", "id"),
            Self::ClientSecret => column!("clients", "sealed_secret", "id", ", version = version + 1"),
            Self::AccessKey => column!("access_keys", "sealed_secret", "client_id"),
            Self::ProviderSecret => column!("providers", "sealed_secret", "id", ", version = version + 1"),
            Self::FormerProviderSecret => column!("former_providers", "sealed_secret", "provider_id"),
            Self::CallbackAnswer => column!("callbacks", "sealed_answer", "id"),
            Self::UserToken => column!("user_bindings", "sealed_user_token", "id"),
            Self::ConnectionFlow => column!("connection_sessions", "sealed_flow", "id"),
            Self::ConnectionReturn => column!("connection_sessions", "sealed_return", "id"),
        }
    }
}

impl Connection {
    /// Up to `limit` sealed texts of a column, after the row with this id, in the order of ids.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sealed_texts(&mut self, column: SealedColumn, after: &str, limit: u16) -> Result<Vec<SealedText>, Fault> {
        let [read, _] = column.statements();
        self.query(read)
            .text(after)
            .bind(i64::from(limit))
            .all(|row| {
                Ok(SealedText {
                    id: row.text(0)?,
                    owner: row.text(1)?,
                    sealed: row.text(2)?,
                })
            })
            .await
    }
}

impl Tx {
    /// Replaces a sealed text by the same, sealed anew; false when it is not what was read any more.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn replace_sealed_text(&mut self, column: SealedColumn, before: &SealedText, sealed: &str) -> Result<bool, Fault> {
        let [_, replace] = column.statements();
        let replaced = self
            .query(replace)
            .text(sealed)
            .text(&before.id)
            .text(&before.sealed)
            .execute()
            .await?;
        Ok(replaced == 1)
    }
}
