//! Grants: one INSERT when the person consents, one conditional UPDATE for everything that follows.
//!
//! The conditional updates here are the gates of the protocol. Whoever changes one row went through;
//! zero rows mean that somebody else was first.

use crate::base::clock::Timestamp;
use crate::base::fault::Fault;
use crate::model::grant::Grant;
use crate::model::user::User;
use crate::protocol::claims_request::ClaimsRequest;
use crate::protocol::pkce::CodeChallenge;

use super::connection::Statement;
use super::many::Many;
use super::row::{Row, json, unreadable};
use super::sql::{Sql, sql};
use super::users::{self, user};
use super::{Connection, Tx};

macro_rules! columns {
    () => {
        "id, client_id, user_id, session_id, scope, claims, redirect_uri, is_redirect_uri_explicit, nonce, auth_time, amr, \
         code_hash, code_challenge, code_expires_at, code_consumed_at, generation, rotated_at, idle_expires_at, ends_at, \
         expires_at, created_at, revoked_at, ends_with_session, resource"
    };
}
/// How many these are.
const COLUMNS: usize = 24;

/// The claims that were asked for by name.
fn claims(row: &Row<'_>, at: usize) -> Result<ClaimsRequest, Fault> {
    Ok(row.maybe_json(at)?.unwrap_or_default())
}

fn grant(row: Row<'_>) -> Result<Grant, Fault> {
    Ok(Grant {
        id: row.text(0)?,
        client_id: row.text(1)?,
        user_id: row.text(2)?,
        session_id: row.text(3)?,
        scope: row.scope(4)?,
        resource: row.maybe_json(23)?.unwrap_or_default(),
        claims: claims(&row, 5)?,
        redirect_uri: row.text(6)?,
        is_redirect_uri_explicit: row.flag(7)?,
        nonce: row.maybe_text(8)?,
        auth_time: row.integer(9)?,
        amr: row.json(10)?,
        code_hash: row.text(11)?,
        code_challenge: row.maybe_text(12)?.map(CodeChallenge::from_stored),
        code_expires_at: row.integer(13)?,
        code_consumed_at: row.maybe_integer(14)?,
        generation: u32::try_from(row.integer(15)?).map_err(unreadable)?,
        rotated_at: row.integer(16)?,
        idle_expires_at: row.integer(17)?,
        ends_at: row.integer(18)?,
        expires_at: row.integer(19)?,
        created_at: row.integer(20)?,
        revoked_at: row.maybe_integer(21)?,
        ends_with_session: row.flag(22)?,
    })
}

const INSERT: Sql = sql!(
    "INSERT INTO grants (",
    columns!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24)"
);

fn bind_all<'c>(statement: Statement<'c>, grant: &Grant) -> Result<Statement<'c>, Fault> {
    Ok(statement
        .text(&grant.id)
        .text(&grant.client_id)
        .text(&grant.user_id)
        .text(&grant.session_id)
        .bind(grant.scope.to_string())
        .bind((!grant.claims.is_empty()).then(|| grant.claims.to_json()))
        .text(&grant.redirect_uri)
        .flag(grant.is_redirect_uri_explicit)
        .maybe_text(grant.nonce.as_deref())
        .bind(grant.auth_time)
        .bind(json(&grant.amr)?)
        .text(&grant.code_hash)
        .maybe_text(grant.code_challenge.as_ref().map(CodeChallenge::as_str))
        .bind(grant.code_expires_at)
        .bind(grant.code_consumed_at)
        .bind(i64::from(grant.generation))
        .bind(grant.rotated_at)
        .bind(grant.idle_expires_at)
        .bind(grant.ends_at)
        .bind(grant.expires_at)
        .bind(grant.created_at)
        .bind(grant.revoked_at)
        .flag(grant.ends_with_session)
        .bind((!grant.resource.is_empty()).then(|| json(&grant.resource)).transpose()?))
}

/// Which grants a list is about.
#[derive(Clone, Copy, Debug, Default)]
pub struct GrantsWith<'a> {
    /// Of this user
    pub user_id: Option<&'a str>,
    /// To this client
    pub client_id: Option<&'a str>,
    /// Whether they are [`GrantState::Active`](crate::model::grant::GrantState::Active)
    pub is_active: Option<bool>,
}

/// A part of the grants that are asked for, and how far it was looked.
#[derive(Clone, Debug)]
pub struct GrantsNearby {
    /// The newest first
    pub grants: Vec<Grant>,
    /// The id below which to go on, when it was looked far enough before enough grants were found
    pub reached: Option<String>,
}

/// How many rows are looked at for one page: nobody waits for a needle in a million of them.
const REACH: i64 = 2500;

/// Stands for both, where 0 and 1 stand for a grant that is not active and one that is.
const ANY_STATE: i16 = 2;

/// The page that begins below an id, and the id of the row that lies so many below it. An index has the columns
/// of `$lead` and then the id. `$lower` is what the page's lower end is compared with.
macro_rules! walk {
    ($lead:literal, $lower:literal) => {
        (
            sql!(
                "SELECT ",
                columns!(),
                " FROM grants WHERE ",
                $lead,
                " AND id < $3 AND ",
                $lower,
                " >= $4 AND ($5 = 2 OR \
                   CASE WHEN revoked_at IS NULL AND code_consumed_at IS NOT NULL AND expires_at > $6 THEN 1 ELSE 0 END = $7) \
                   ORDER BY id DESC LIMIT $8"
            ),
            sql!(
                "SELECT id FROM grants WHERE ",
                $lead,
                " AND id < $3 ORDER BY id DESC LIMIT 1 OFFSET $4"
            ),
        )
    };
}

/// What redeeming a code changes.
#[derive(Clone, Copy, Debug)]
pub struct Redemption {
    /// When it happens.
    pub now: Timestamp,
    /// 1 when a refresh token is issued, 0 when not.
    pub generation: u32,
    /// When an unused refresh token ends.
    pub idle_expires_at: Timestamp,
    /// When it can no longer be refreshed in any case.
    pub ends_at: Timestamp,
    /// When nothing under the grant is alive any more and the row may go.
    pub expires_at: Timestamp,
}

/// What rotating a refresh token changes.
#[derive(Clone, Copy, Debug)]
pub struct Rotation {
    /// When it happens.
    pub now: Timestamp,
    /// When the next token ends unless it is used before.
    pub idle_expires_at: Timestamp,
    /// When nothing under the grant is alive any more and the row may go.
    pub expires_at: Timestamp,
}

/// Who a token speaks for, and what they were asked for.
#[derive(Clone, Debug)]
pub struct TokenPerson {
    /// The person, who is not disabled
    pub user: User,
    /// The claims that were asked for by name
    pub claims: ClaimsRequest,
}

impl Connection {
    /// The grant with this id, alive or not.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn grant(&mut self, id: &str) -> Result<Option<Grant>, Fault> {
        self.query(sql!("SELECT ", columns!(), " FROM grants WHERE id = $1"))
            .text(id)
            .optional(grant)
            .await
    }

    /// The grant with this id, alive or not, with who gave it, disabled or not, in one round trip. None when its client is
    /// disabled: another node may have done that, and what this one knows of clients is a moment old.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn grant_and_user(&mut self, id: &str) -> Result<Option<(Grant, Option<User>)>, Fault> {
        self.query(sql!(
            "SELECT held.*, person.* FROM (SELECT ",
            columns!(),
            " FROM grants) AS held LEFT JOIN (SELECT ",
            users::columns!(),
            " FROM users) AS person ON person.id = held.user_id \
             WHERE held.id = $1 AND EXISTS (SELECT 1 FROM clients WHERE id = held.client_id AND is_disabled = 0)"
        ))
        .text(id)
        .optional(|row| {
            let of_user = row.from(COLUMNS);
            let has_user = of_user.maybe_text(0)?.is_some();
            Ok((grant(row)?, has_user.then(|| user(of_user)).transpose()?))
        })
        .await
    }

    /// Up to `limit` grants, the newest first, that were made before the one of the id `before`. Where no index
    /// finds exactly what is asked for it looks at some thousand rows only.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn grants_nearby(&mut self, with: GrantsWith<'_>, before: &str, now: Timestamp, limit: u16) -> Result<GrantsNearby, Fault> {
        let (page, edge) = match (with.user_id, with.client_id) {
            // Between an index of two columns and a range, and one of three and a range, SQLite may toss a coin.
            (Some(_), Some(_)) => walk!("user_id = $1 AND client_id = $2", "COALESCE(id, '')"),
            (Some(_), None) => walk!("user_id = $1 AND '' = $2", "id"),
            (None, Some(_)) => walk!("'' = $1 AND client_id = $2", "id"),
            (None, None) => walk!("'' = $1 AND '' = $2", "id"),
        };
        let (user_id, client_id) = (with.user_id.unwrap_or_default(), with.client_id.unwrap_or_default());
        let edge = match with.is_active {
            None => None,
            Some(_) => {
                let query = self.query(edge).text(user_id).text(client_id).text(before);
                query.bind(REACH - 1).aside().optional(|row| row.text(0)).await?
            }
        };
        let grants = self
            .query(page)
            .text(user_id)
            .text(client_id)
            .text(before)
            .text(edge.as_deref().unwrap_or_default())
            .bind(with.is_active.map_or(ANY_STATE, i16::from))
            .bind(now)
            .bind(with.is_active.map_or(ANY_STATE, i16::from))
            .bind(i64::from(limit))
            .all(grant)
            .await?;
        let is_full = grants.len() >= usize::from(limit);
        let reached = edge.filter(|_| !is_full);
        Ok(GrantsNearby { grants, reached })
    }

    /// How many grants have a refresh token from before a time, and when the last of them expires if nobody uses it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn refresh_tokens_from_before(&mut self, time: Timestamp, now: Timestamp) -> Result<(i64, Option<Timestamp>), Fault> {
        let found = self
            .query(sql!(
                "SELECT COUNT(*), MAX(idle_expires_at) FROM grants WHERE generation > 0 AND rotated_at <= $1 \
                 AND revoked_at IS NULL AND idle_expires_at > $2 AND ends_at > $3"
            ))
            .bind(time)
            .bind(now)
            .bind(now)
            .aside()
            .optional(|row| Ok((row.integer(0)?, row.maybe_integer(1)?)))
            .await?;
        Ok(found.unwrap_or_default())
    }

    /// Whether nothing has ended an access token that a client got for itself, in one round trip: the token is not revoked,
    /// and its client is there, not disabled, and of the generation that the token carries.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn is_token_of_client_alive(&mut self, jti: &str, client_id: &str, generation: i64) -> Result<bool, Fault> {
        let alive = self
            .query(sql!(
                "SELECT 1 FROM clients WHERE id = $1 AND is_disabled = 0 AND tokens_valid_from = $2 \
                 AND NOT EXISTS (SELECT 1 FROM revoked_tokens WHERE jti = $3)"
            ))
            .text(client_id)
            .bind(generation)
            .text(jti)
            .optional(|_| Ok(()))
            .await?;
        Ok(alive.is_some())
    }

    /// Who an access token speaks for, if nothing has ended it, in one round trip: the token is not revoked, its grant is
    /// there, redeemed and not revoked, its person and its client are there and not disabled.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn person_of_token(
        &mut self,
        jti: &str,
        client_id: &str,
        grant_id: &str,
        user_id: &str,
    ) -> Result<Option<TokenPerson>, Fault> {
        self.query(sql!(
            "SELECT person.*, held.claims FROM (SELECT id, user_id, claims, revoked_at, code_consumed_at FROM grants) AS held \
             JOIN (SELECT ",
            users::columns!(),
            " FROM users) AS person ON person.id = held.user_id \
             WHERE held.id = $1 AND held.user_id = $2 AND held.revoked_at IS NULL AND held.code_consumed_at IS NOT NULL \
             AND person.is_disabled = 0 AND EXISTS (SELECT 1 FROM clients WHERE id = $3 AND is_disabled = 0) \
             AND NOT EXISTS (SELECT 1 FROM revoked_tokens WHERE jti = $4)"
        ))
        .text(grant_id)
        .text(user_id)
        .text(client_id)
        .text(jti)
        .optional(|row| {
            Ok(TokenPerson {
                claims: claims(&row.from(users::COLUMNS), 0)?,
                user: user(row)?,
            })
        })
        .await
    }
}

impl Connection {
    /// The newest grants of a user to a client under which tokens may be alive, `limit` of these at most.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn grants_in_force(&mut self, user_id: &str, client_id: &str, now: Timestamp, limit: u16) -> Result<Vec<Grant>, Fault> {
        self.query(sql!(
            "SELECT ",
            columns!(),
            " FROM grants WHERE user_id = $1 AND client_id = $2 AND revoked_at IS NULL AND code_consumed_at IS NOT NULL \
             AND expires_at > $3 ORDER BY id DESC LIMIT $4"
        ))
        .text(user_id)
        .text(client_id)
        .bind(now)
        .bind(i64::from(limit))
        .all(grant)
        .await
    }
}

impl Tx {
    /// Writes a new grant: the person consented, a code is on its way.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn insert_grant(&mut self, grant: &Grant) -> Result<(), Fault> {
        bind_all(self.query(INSERT), grant)?.execute().await.map(drop)
    }

    /// Writes many grants that are not there yet.
    ///
    /// # Errors
    /// When the database fails, or one is there.
    pub async fn insert_grants(&mut self, grants: &[Grant]) -> Result<(), Fault> {
        static MANY: Many = Many::of(INSERT);
        self.insert_many(&MANY, grants, bind_all).await
    }

    /// The gate of the code: consumes it, once. False when it is consumed, revoked or expired.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn consume_code(&mut self, grant_id: &str, redemption: &Redemption) -> Result<bool, Fault> {
        let consumed = self
            .query(sql!(
                "UPDATE grants SET code_consumed_at = $1, rotated_at = $2, generation = $3, idle_expires_at = $4, ends_at = $5, \
                 expires_at = $6 WHERE id = $7 AND code_consumed_at IS NULL AND revoked_at IS NULL AND code_expires_at > $8"
            ))
            .bind(redemption.now)
            .bind(redemption.now)
            .bind(i64::from(redemption.generation))
            .bind(redemption.idle_expires_at)
            .bind(redemption.ends_at)
            .bind(redemption.expires_at)
            .text(grant_id)
            .bind(redemption.now)
            .execute()
            .await?;
        Ok(consumed == 1)
    }

    /// The gate of the refresh token: moves on from `generation`, once. False when somebody was
    /// first or the grant has ended.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rotate_grant(&mut self, grant_id: &str, generation: u32, rotation: &Rotation) -> Result<bool, Fault> {
        let rotated = self
            .query(sql!(
                "UPDATE grants SET generation = $1, rotated_at = $2, idle_expires_at = $3, expires_at = $4 \
                 WHERE id = $5 AND generation = $6 AND revoked_at IS NULL"
            ))
            .bind(i64::from(generation) + 1)
            .bind(rotation.now)
            .bind(rotation.idle_expires_at)
            .bind(rotation.expires_at)
            .text(grant_id)
            .bind(i64::from(generation))
            .execute()
            .await?;
        Ok(rotated == 1)
    }

    /// Ends the grants of a session that were not meant to outlive it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke_grants_of_session(&mut self, session_id: &str, now: Timestamp) -> Result<u64, Fault> {
        self.query(sql!(
            "UPDATE grants SET revoked_at = $1 WHERE session_id = $2 AND ends_with_session = 1 AND revoked_at IS NULL"
        ))
        .bind(now)
        .text(session_id)
        .aside()
        .execute()
        .await
    }

    /// Lets the grants that end with a session go on in the one that replaces it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn move_grants(&mut self, from_session: &str, to_session: &str) -> Result<u64, Fault> {
        self.query(sql!(
            "UPDATE grants SET session_id = $1 WHERE session_id = $2 AND ends_with_session = 1 AND revoked_at IS NULL"
        ))
        .text(to_session)
        .text(from_session)
        .aside()
        .execute()
        .await
    }

    /// Ends a grant and every token under it; false when it had ended.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke_grant(&mut self, grant_id: &str, now: Timestamp) -> Result<bool, Fault> {
        let revoked = self
            .query(sql!("UPDATE grants SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL"))
            .bind(now)
            .text(grant_id)
            .execute()
            .await?;
        Ok(revoked == 1)
    }
}
