//! What is in the database: made of nothing but numbers, so that every run has the same, and skewed as
//! real installations are.
//!
//! One person has a hundredth of all grants, one client three tenths of them; names begin alike, save a rare
//! one; nine of ten events are sign-ins and redeemed codes, and some kinds have a handful. Events stand in a
//! chain like any other, but their MACs are no MACs: `gatehouse audit verify` would say so.

use std::fmt;

use gatehouse::app::App;
use gatehouse::model::statistic::Statistic;
use sqlx::AnyConnection;

use crate::support::Outcome;
use crate::support::database::Scratch;
use crate::support::rows::{Value, insert, row};

const DAY: i64 = 86_400;
/// How many applications the person with many grants uses.
const BUSY_CLIENTS: i64 = 300;
/// A client that only they use, only once, long ago.
const NEEDLE: i64 = 1;
const GIVEN: [&str; 12] = [
    "maria", "james", "anna", "john", "laura", "peter", "sofia", "david", "emma", "paul", "julia", "mark",
];
const FAMILY: [&str; 10] = [
    "smith", "miller", "garcia", "jones", "rossi", "novak", "silva", "meyer", "khan", "brown",
];
const KINDS_OF_APPS: [&str; 6] = ["Billing", "Intranet", "Mobile", "Reporting", "Shop", "Wiki"];

/// How many there are of everything.
struct Sizes {
    users: i64,
    clients: i64,
    grants: i64,
    events: i64,
    sessions: i64,
    consents: i64,
    now: i64,
}

/// Where to look.
pub struct Landmarks {
    pub users: i64,
    pub clients: i64,
    pub grants: i64,
    pub events: i64,
    /// Ids of users
    pub administrator: String,
    pub person: String,
    pub busy_user: String,
    /// A user name in the middle of all
    pub middle_name: String,
    /// Ids of clients
    pub big_client: String,
    pub small_client: String,
    pub needle_client: String,
    /// A client in the middle of all, by name
    pub middle_client: [String; 2],
    /// Ids in the middle of their tables
    pub middle_grant: String,
    pub middle_event: String,
    pub middle_session: String,
    pub now: i64,
}

impl fmt::Display for Landmarks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            users,
            clients,
            grants,
            events,
            ..
        } = self;
        write!(f, "{users} users, {clients} clients, {grants} grants, {events} events")
    }
}

/// Numbers that look random and are the same each time (`SplitMix64`).
struct Dice(u64);

impl Dice {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 up to, but without, `end`.
    fn below(&mut self, end: i64) -> i64 {
        let end = u64::try_from(end.max(1)).unwrap_or(1);
        i64::try_from(self.number() % end).unwrap_or_default()
    }

    /// So many of a thousand times.
    fn is(&mut self, of_thousand: i64) -> bool {
        self.below(1000) < of_thousand
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[usize::try_from(self.below(i64::try_from(all.len()).unwrap_or(1))).unwrap_or_default()]
    }

    /// As long as a digest in base64url.
    fn digest(&mut self) -> String {
        format!("{:016x}{:016x}{:011x}", self.number(), self.number(), self.number() >> 20)
    }
}

/// An id of a row that was made so many seconds after 1970: like those of the server, they grow with time.
fn id(at: i64, number: i64) -> String {
    format!("{:012x}7000{:016x}", at * 1000 + number % 1000, number)
}

/// The id of the user of a number: accounts were made over three years.
fn user_id(sizes: &Sizes, number: i64) -> String {
    id(sizes.now - 1000 * DAY + number * (900 * DAY / sizes.users), number)
}

fn user_name(number: i64) -> String {
    match number {
        0 => "busy.bee".to_owned(),
        1 => "administrator".to_owned(),
        2 => "zebulon.quixote".to_owned(),
        _ => {
            let pick = |list: &[&'static str], from: i64| list[usize::try_from(from).unwrap_or_default() % list.len()];
            format!("{}.{}{number}", pick(&GIVEN, number), pick(&FAMILY, number / 12))
        }
    }
}

fn client_id(number: i64) -> String {
    format!("client-{number:08x}")
}

fn client_name(number: i64) -> String {
    let kind = KINDS_OF_APPS[usize::try_from(number).unwrap_or_default() % KINDS_OF_APPS.len()];
    match number {
        0 => "Company portal".to_owned(),
        NEEDLE => "Quixotic needle".to_owned(),
        _ => format!("{kind} of team {number}"),
    }
}

fn grant_at(sizes: &Sizes, number: i64) -> (String, i64) {
    let at = sizes.now - 61 * DAY + number * 60 * DAY / sizes.grants;
    (id(at, number), at)
}

fn event_at(sizes: &Sizes, number: i64) -> (String, i64) {
    let at = sizes.now - 180 * DAY + number * 179 * DAY / sizes.events;
    (id(at, number), at)
}

fn session_at(sizes: &Sizes, number: i64) -> (String, i64) {
    let at = sizes.now - 14 * DAY + number * 13 * DAY / sizes.sessions;
    (id(at, number), at)
}

/// Fills the database.
pub async fn build(scratch: &Scratch, app: &App, scale: f64) -> Outcome<Landmarks> {
    #[expect(clippy::cast_possible_truncation, reason = "sizes are far from the ends of both types")]
    let scaled = |size: i32| ((f64::from(size) * scale) as i64).max(1000);
    let sizes = Sizes {
        users: scaled(100_000),
        clients: scaled(10_000),
        grants: scaled(1_000_000),
        events: scaled(1_000_000),
        sessions: scaled(200_000),
        consents: scaled(300_000),
        now: app.now(),
    };
    let mut connection = scratch.loader().await?;
    users(&mut connection, &sizes).await?;
    clients(&mut connection, &sizes).await?;
    sessions(&mut connection, &sizes).await?;
    consents(&mut connection, &sizes).await?;
    grants(&mut connection, &sizes).await?;
    events(&mut connection, &sizes).await?;
    stats(&mut connection, &sizes).await?;
    sqlx::Connection::close(connection).await?;
    Ok(Landmarks {
        users: sizes.users,
        clients: sizes.clients,
        grants: sizes.grants,
        events: sizes.events,
        administrator: user_id(&sizes, 1),
        person: user_id(&sizes, 7),
        busy_user: user_id(&sizes, 0),
        middle_name: "laura.rossi".to_owned(),
        big_client: client_id(0),
        small_client: client_id(sizes.clients / 2),
        needle_client: client_id(NEEDLE),
        middle_client: ["mobile of team 5".to_owned(), String::new()],
        middle_grant: grant_at(&sizes, sizes.grants / 2).0,
        middle_event: event_at(&sizes, sizes.events / 2).0,
        middle_session: session_at(&sizes, sizes.sessions / 2).0,
        now: sizes.now,
    })
}

async fn users(connection: &mut AnyConnection, sizes: &Sizes) -> Outcome<()> {
    let columns = "id, username, email, is_email_verified, password_hash, profile, extra_claims, roles, allowed_scope, \
                   is_disabled, created_at, updated_at, version";
    let hash = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI";
    let rows = (0..sizes.users).map(|number| {
        let name = user_name(number);
        let email = match number % 50 {
            9 => format!("info@company{number}.example"),
            _ => format!("{name}@example.com"),
        };
        let profile = format!("{{\"name\":\"{name}\",\"given_name\":\"{name}\",\"locale\":\"en\"}}");
        let roles = if number == 1 { "[\"admin\"]" } else { "[]" };
        let at = sizes.now - 1000 * DAY + number * (900 * DAY / sizes.users);
        let is_disabled = number % 97 == 50;
        row![
            user_id(sizes, number),
            name,
            email,
            true,
            hash,
            profile,
            "{}",
            roles,
            Value::Null,
            is_disabled,
            at,
            at,
            1
        ]
    });
    insert(connection, "users", columns, rows).await
}

async fn clients(connection: &mut AnyConnection, sizes: &Sizes) -> Outcome<()> {
    let columns = "id, name, secret_hash, auth_method, redirect_uris, grant_types, scope, consent_policy, access_token_format, \
                   signing_algorithm, requires_pkce, is_disabled, created_at, updated_at, may_introspect, search_name, version";
    let mut dice = Dice(2);
    let rows = (0..sizes.clients).map(|number| {
        let name = client_name(number);
        let search_name = name.to_lowercase();
        let redirect_uris = format!("[\"https://app{number}.example/callback\",\"https://app{number}.example/silent\"]");
        let at = sizes.now - 900 * DAY + number * 60;
        row![
            client_id(number),
            name,
            dice.digest(),
            "client_secret_basic",
            redirect_uris,
            "[\"authorization_code\",\"refresh_token\"]",
            "openid profile email offline_access",
            "once",
            "jwt",
            "RS256",
            true,
            number % 40 == 39,
            at,
            at,
            false,
            search_name,
            1
        ]
    });
    insert(connection, "clients", columns, rows).await
}

async fn sessions(connection: &mut AnyConnection, sizes: &Sizes) -> Outcome<()> {
    let columns = "id, secret_hash, user_id, auth_time, amr, user_agent, address, created_at, last_seen_at, idle_expires_at, expires_at";
    let agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36";
    let mut dice = Dice(3);
    let rows = (0..sizes.sessions).map(|number| {
        let (session_id, at) = session_at(sizes, number);
        let user = if dice.is(5) { 0 } else { dice.below(sizes.users) };
        // A twentieth has idled out and was not removed yet.
        let idle_expires_at = if dice.is(50) { sizes.now - 60 } else { sizes.now + DAY };
        row![
            session_id,
            dice.digest(),
            user_id(sizes, user),
            at,
            "[\"pwd\"]",
            agent,
            "192.0.2.7",
            at,
            at,
            idle_expires_at,
            at + 30 * DAY
        ]
    });
    insert(connection, "sessions", columns, rows).await
}

async fn consents(connection: &mut AnyConnection, sizes: &Sizes) -> Outcome<()> {
    let columns = "user_id, client_id, scope, claims, created_at, updated_at";
    let consent = |user: i64, client: i64| {
        let at = sizes.now - 30 * DAY;
        row![user_id(sizes, user), client_id(client), "openid profile email", "[]", at, at]
    };
    let each = (sizes.consents / sizes.users).max(1);
    let of_busy = (0..BUSY_CLIENTS).map(|client| consent(0, client));
    let others = (1..sizes.users).flat_map(|user| (0..each).map(move |n| (user, if n == 0 { 0 } else { 2 + (user * each + n) % 900 })));
    let rows = of_busy.chain(others.map(|(user, client)| consent(user, client)));
    insert(connection, "consents", columns, rows).await
}

/// Who grants what to whom.
fn pair(dice: &mut Dice, sizes: &Sizes) -> (i64, i64) {
    if dice.is(10) {
        return (0, 2 + dice.below(BUSY_CLIENTS));
    }
    let client = match dice.below(100) {
        0..30 => 0,
        30..60 => 2 + dice.below(20),
        _ => 2 + dice.below(sizes.clients - 2),
    };
    (dice.below(sizes.users), client)
}

async fn grants(connection: &mut AnyConnection, sizes: &Sizes) -> Outcome<()> {
    let columns = "id, client_id, user_id, session_id, scope, claims, redirect_uri, is_redirect_uri_explicit, nonce, auth_time, amr, \
                   code_hash, code_challenge, code_expires_at, code_consumed_at, generation, rotated_at, idle_expires_at, ends_at, \
                   expires_at, created_at, revoked_at, ends_with_session";
    let scopes = ["openid", "openid profile email", "openid profile email offline_access"];
    let mut dice = Dice(4);
    let rows = (0..sizes.grants).map(|number| {
        let (grant_id, at) = grant_at(sizes, number);
        let (user, client) = if number == sizes.grants / 10 {
            (0, NEEDLE)
        } else {
            pair(&mut dice, sizes)
        };
        let (session_id, _) = session_at(sizes, dice.below(sizes.sessions));
        // Of a thousand, 30 codes were never redeemed and 150 grants were revoked; the rest is alive.
        let fate = dice.below(1000);
        let consumed_at = (fate >= 30).then_some(at + 2);
        let revoked_at = (fate >= 850).then_some(at + 3600);
        let ends_at = if fate < 30 { at + 60 } else { sizes.now + 30 * DAY };
        row![
            grant_id,
            client_id(client),
            user_id(sizes, user),
            session_id,
            dice.of(&scopes),
            Value::Null,
            format!("https://app{client}.example/callback"),
            true,
            dice.digest(),
            at,
            "[\"pwd\"]",
            dice.digest(),
            dice.digest(),
            at + 60,
            consumed_at,
            i64::from(consumed_at.is_some()),
            at + 2,
            ends_at,
            ends_at,
            ends_at,
            at,
            revoked_at,
            false
        ]
    });
    insert(connection, "grants", columns, rows).await
}

async fn events(connection: &mut AnyConnection, sizes: &Sizes) -> Outcome<()> {
    let columns = "id, at, kind, outcome, actor, subject_id, client_id, target, address, request_id, detail, node, lane, sequence, mac";
    let mut dice = Dice(5);
    // Many lanes of a node that is no more; the server under test is another.
    let lanes = 16;
    let rows = (0..sizes.events).map(|number| {
        let (event_id, at) = event_at(sizes, number);
        let (user, client) = pair(&mut dice, sizes);
        let (user, client) = (user_id(sizes, user), client_id(client));
        let is_of_needle = number == sizes.events / 10;
        let (kind, outcome, actor, subject, client) = match dice.below(1000) {
            _ if is_of_needle => ("client.changed", "success", "admin_token".to_owned(), None, Some(client_id(0))),
            0..450 => ("session.started", "success", format!("user:{user}"), Some(user), None),
            450..900 => ("code.redeemed", "success", format!("client:{client}"), Some(user), Some(client)),
            900..940 => ("consent.given", "success", format!("user:{user}"), Some(user), Some(client)),
            940..985 => ("session.refused", "failure", "anonymous".to_owned(), Some(user), None),
            985..995 => ("code.replayed", "failure", format!("client:{client}"), Some(user), Some(client)),
            995..998 => ("user.changed", "success", "admin_token".to_owned(), Some(user), None),
            998 => ("settings.changed", "success", "admin_token".to_owned(), None, None),
            _ => ("signing_key.rotated", "success", "system".to_owned(), None, None),
        };
        row![
            event_id,
            at,
            kind,
            outcome,
            actor,
            subject,
            client,
            grant_at(sizes, number * sizes.grants / sizes.events).0,
            "192.0.2.7",
            dice.digest(),
            "{\"scope\":\"openid profile email\"}",
            1_000_000,
            number % lanes,
            number / lanes + 1,
            dice.digest()
        ]
    });
    insert(connection, "events", columns, rows).await
}

/// Every number of every hour that is kept.
async fn stats(connection: &mut AnyConnection, sizes: &Sizes) -> Outcome<()> {
    let mut dice = Dice(6);
    let last = sizes.now / 3600;
    let rows = (last - 400 * 24..last).flat_map(|hour| Statistic::ALL.map(|statistic| (hour, statistic.as_str())));
    let rows = rows.map(|(hour, name)| row![hour * 3600, name, dice.below(5000)]);
    insert(connection, "stats", "hour, name, value", rows).await
}
