//! Who is signed in, by a random cookie. Everything else stays in the memory of this process, so a restart
//! signs everybody out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use actix_web::cookie::{Cookie, SameSite};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use openidconnect::CsrfToken;

use super::relying_party::Pending;
use super::signed_in::SignedIn;

/// How long a person may take at the issuer.
const SIGN_IN_PATIENCE: Duration = Duration::from_mins(10);
/// How long a session lasts.
const SESSION_LIFETIME: Duration = Duration::from_hours(12);
/// How many sign-ins one browser may have begun, in tabs beside each other.
const MAX_PENDING: usize = 5;
/// How many sessions there may be.
const MAX_SESSIONS: usize = 10_000;

/// All sessions.
pub struct Sessions {
    cookie: String,
    is_secure: bool,
    open: Mutex<HashMap<String, Session>>,
}

struct Session {
    csrf: String,
    begun_at: Instant,
    pending: Vec<Pending>,
    signed_in: Option<Arc<SignedIn>>,
}

impl Session {
    fn new() -> Self {
        Self {
            csrf: random(),
            begun_at: Instant::now(),
            pending: Vec::new(),
            signed_in: None,
        }
    }

    fn is_alive(&self) -> bool {
        let lifetime = if self.signed_in.is_some() {
            SESSION_LIFETIME
        } else {
            SIGN_IN_PATIENCE
        };
        self.begun_at.elapsed() < lifetime
    }
}

impl Sessions {
    /// No sessions yet. Under https the cookie is `Secure` and bound to this very host.
    pub fn new(cookie: &str, is_secure: bool) -> Self {
        let prefix = if is_secure { "__Host-" } else { "" };
        Self {
            cookie: format!("{prefix}{cookie}"),
            is_secure,
            open: Mutex::default(),
        }
    }

    /// Who is signed in, and the token that every form of their pages carries.
    pub fn person(&self, request: &HttpRequest) -> Option<(Arc<SignedIn>, String)> {
        let id = self.id(request)?;
        let open = self.lock();
        let session = open.get(&id).filter(|session| session.is_alive())?;
        Some((Arc::clone(session.signed_in.as_ref()?), session.csrf.clone()))
    }

    /// Keeps a sign-in until the browser is back; `None` when there are too many already.
    pub fn begin(&self, request: &HttpRequest, pending: Pending) -> Option<Cookie<'static>> {
        let mut open = self.lock();
        open.retain(|_, session| session.is_alive());
        let id = self.id(request).filter(|id| open.contains_key(id)).unwrap_or_else(random);
        if open.len() >= MAX_SESSIONS && !open.contains_key(&id) {
            return None;
        }
        let session = open.entry(id.clone()).or_insert_with(Session::new);
        if session.signed_in.is_none() {
            session.begun_at = Instant::now();
        }
        if session.pending.len() >= MAX_PENDING {
            session.pending.remove(0);
        }
        session.pending.push(pending);
        Some(self.made_of(id))
    }

    /// The sign-in with this `state` that this browser has begun. It is taken out: an answer counts once.
    pub fn take(&self, request: &HttpRequest, state: &str) -> Option<Pending> {
        let id = self.id(request)?;
        let mut open = self.lock();
        let session = open.get_mut(&id).filter(|session| session.is_alive())?;
        let found = session.pending.iter().position(|pending| is_equal(pending.state.secret(), state))?;
        Some(session.pending.remove(found))
    }

    /// Signs somebody in, in a new session: an id that was known before the sign-in is worth nothing after it.
    /// Returns the cookie, and who was signed in before.
    pub fn sign_in(&self, request: &HttpRequest, person: SignedIn) -> (Cookie<'static>, Option<Arc<SignedIn>>) {
        let mut open = self.lock();
        let before = self.id(request).and_then(|id| open.remove(&id));
        let mut session = Session::new();
        session.signed_in = Some(Arc::new(person));
        let mut earlier = None;
        if let Some(before) = before {
            session.pending = before.pending;
            earlier = before.signed_in;
        }
        let id = random();
        open.insert(id.clone(), session);
        (self.made_of(id), earlier)
    }

    /// Ends the session of this browser; who was signed in.
    pub fn end(&self, request: &HttpRequest) -> Option<Arc<SignedIn>> {
        let id = self.id(request)?;
        self.lock().remove(&id)?.signed_in
    }

    /// The cookie that takes the session's away.
    pub fn no_cookie(&self) -> Cookie<'static> {
        let mut cookie = self.made_of(String::new());
        cookie.make_removal();
        cookie
    }

    fn id(&self, request: &HttpRequest) -> Option<String> {
        request.cookie(&self.cookie).map(|cookie| cookie.value().to_owned())
    }

    fn made_of(&self, id: String) -> Cookie<'static> {
        Cookie::build(self.cookie.clone(), id)
            .path("/")
            .http_only(true)
            .secure(self.is_secure)
            // Lax: the cookie comes along when the issuer sends the browser back.
            .same_site(SameSite::Lax)
            .finish()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Compares secrets in a time that does not tell where they differ.
pub fn is_equal(expected: &str, given: &str) -> bool {
    verify_slices_are_equal(expected.as_bytes(), given.as_bytes()).is_ok()
}

/// 256 bits that nobody guesses.
fn random() -> String {
    CsrfToken::new_random_len(32).into_secret()
}
