//! What is measured, and who does it.

use std::sync::Arc;

use gatehouse::base::random::Random;
use gatehouse::protocol::pkce::CodeChallenge;

use crate::browser::Browser;
use crate::page::{encoded, member, parameter};
use crate::support::measure::Work;
use crate::support::nodes::Program;
use crate::support::wire::Answer;
use crate::target::{Application, Machine, Person, Target, Token};

/// Clients and people of one worker: it takes turns with them.
const COMPANY: usize = 64;
/// What people grant.
const SCOPE: &str = "openid email profile offline_access";

/// Something that is done again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    Discovery,
    Jwks,
    ClientCredentials(Token),
    /// Of a token that a client got for itself
    IntrospectOwn(Token),
    /// Of a token that a person granted
    IntrospectPersons(Token),
    Userinfo,
    Refresh(Token),
    /// With a session
    Code(Token),
    SignIn,
}

/// Everything that is measured, by the names in the results.
pub const ALL: [(&str, Task); 18] = [
    ("discovery", Task::Discovery),
    ("JWKS", Task::Jwks),
    ("client_credentials, RS256", Task::ClientCredentials(Token::Rs256)),
    ("client_credentials, ES256", Task::ClientCredentials(Token::Es256)),
    ("client_credentials, EdDSA", Task::ClientCredentials(Token::EdDsa)),
    ("client_credentials, opaque", Task::ClientCredentials(Token::Opaque)),
    ("introspection, JWT, client's", Task::IntrospectOwn(Token::Rs256)),
    ("introspection, opaque, client's", Task::IntrospectOwn(Token::Opaque)),
    ("introspection, JWT, person's", Task::IntrospectPersons(Token::Rs256)),
    ("introspection, opaque, person's", Task::IntrospectPersons(Token::Opaque)),
    ("userinfo", Task::Userinfo),
    ("refresh, RS256", Task::Refresh(Token::Rs256)),
    ("refresh, ES256", Task::Refresh(Token::Es256)),
    ("refresh, opaque", Task::Refresh(Token::Opaque)),
    ("code + PKCE with session, RS256", Task::Code(Token::Rs256)),
    ("code + PKCE with session, ES256", Task::Code(Token::Es256)),
    ("code + PKCE with session, opaque", Task::Code(Token::Opaque)),
    ("password sign-in, whole flow", Task::SignIn),
];

/// Somebody who does it.
pub struct Worker {
    target: Arc<Target>,
    task: Task,
    browser: Browser,
    random: Random,
    machines: Vec<Machine>,
    applications: Vec<Application>,
    people: Vec<Person>,
    /// What was issued before: access tokens or refresh tokens, and to which application
    held: Vec<(String, Program)>,
    turn: usize,
}

impl Task {
    /// Of whose tokens the clients are that it needs.
    fn token(self) -> Token {
        match self {
            Self::ClientCredentials(token)
            | Self::IntrospectOwn(token)
            | Self::IntrospectPersons(token)
            | Self::Refresh(token)
            | Self::Code(token) => token,
            Self::Discovery | Self::Jwks | Self::Userinfo | Self::SignIn => Token::Rs256,
        }
    }
}

/// Some of them, by chance.
fn some<T: Clone>(random: &Random, all: &[&T]) -> Vec<T> {
    let one = || {
        let number = u32::from_le_bytes(random.bytes()) as usize;
        all.get(number % all.len().max(1)).map(|one| (*one).clone())
    };
    std::iter::from_fn(one).take(COMPANY).collect()
}

impl Worker {
    pub fn many(count: usize, target: &Arc<Target>, task: Task) -> Vec<Self> {
        let (random, token) = (Random::system(), task.token());
        let machines: Vec<_> = target.machines.iter().filter(|machine| machine.token == token).collect();
        let applications: Vec<_> = target
            .applications
            .iter()
            .filter(|application| application.token == token)
            .collect();
        let people: Vec<_> = target.people.iter().collect();
        let worker = || Self {
            target: Arc::clone(target),
            task,
            browser: Browser::new(target.address),
            random: random.clone(),
            machines: some(&random, &machines),
            applications: some(&random, &applications),
            people: some(&random, &people),
            held: Vec::new(),
            turn: 0,
        };
        (0..count).map(|_| worker()).collect()
    }

    /// Whose turn it is.
    fn next<'l, T>(turn: &mut usize, all: &'l [T]) -> Result<&'l T, String> {
        *turn += 1;
        all.get(*turn % all.len().max(1))
            .ok_or_else(|| "there is nobody to do it".to_owned())
    }

    async fn page(&mut self, path: &'static str, holds: &'static str) -> Result<(), String> {
        let read = |answer: &Answer<'_>| answer.must_be(200, path).and_then(|()| answer.must_hold(holds, path));
        self.browser.ask("GET", path, "", None, read).await
    }

    /// Asks the token endpoint; the access token and the refresh token, if there is one.
    async fn token(&mut self, authorization: &str, body: &str) -> Result<(String, Option<String>), String> {
        let headers = format!("Authorization: {authorization}\r\n");
        let path = self.target.paths.token;
        let read = |answer: &Answer<'_>| {
            answer.must_be(200, body)?;
            let access_token = member(answer.body, "access_token").ok_or("there is no access token")?;
            Ok((access_token.to_owned(), member(answer.body, "refresh_token").map(str::to_owned)))
        };
        self.browser.ask("POST", path, &headers, Some(body), read).await
    }

    async fn client_credentials(&mut self) -> Result<String, String> {
        let machine = Self::next(&mut self.turn, &self.machines)?.clone();
        let body = format!("grant_type=client_credentials{}", machine.parameters);
        Ok(self.token(&machine.authorization, &body).await?.0)
    }

    /// The flow of a person; how often they had to sign in, the access token and the refresh token.
    async fn code(&mut self, application: &Application, person: &Person) -> Result<(usize, String, String), String> {
        let verifier = self.random.secret();
        let [state, nonce] = [self.random.secret(), self.random.secret()];
        let redirect_uri = encoded(application.redirect_uri);
        let request = format!(
            "{}?response_type=code&client_id={}&redirect_uri={redirect_uri}&scope={}&state={state}&nonce={nonce}&code_challenge={}\
             &code_challenge_method=S256",
            self.target.paths.authorize,
            application.program.id,
            encoded(SCOPE),
            CodeChallenge::of(&verifier).as_str()
        );
        let (to, sign_ins) = self.browser.authorize(&request, application.redirect_uri, person).await?;
        if parameter(&to, "state") != Some(&state) {
            return Err(format!("the state is not ours: {to}"));
        }
        let code = parameter(&to, "code").ok_or_else(|| format!("there is no code: {to}"))?;
        let body = format!("grant_type=authorization_code&code={code}&redirect_uri={redirect_uri}&code_verifier={verifier}");
        let (access_token, refresh_token) = self.token(&application.program.authorization, &body).await?;
        Ok((sign_ins, access_token, refresh_token.ok_or("there is no refresh token")?))
    }

    async fn refresh(&mut self) -> Result<(), String> {
        self.turn += 1;
        let at = self.turn % self.held.len().max(1);
        let (refresh_token, application) = self.held.get(at).cloned().ok_or("there is no refresh token")?;
        let body = format!("grant_type=refresh_token&refresh_token={refresh_token}");
        let (_, next) = self.token(&application.authorization, &body).await?;
        let next = next
            .filter(|next| *next != refresh_token)
            .ok_or("the refresh token was not rotated")?;
        self.held[at] = (next, application);
        Ok(())
    }

    async fn introspect(&mut self) -> Result<(), String> {
        let (token, _) = Self::next(&mut self.turn, &self.held)?;
        let headers = format!("Authorization: {}\r\n", self.target.resource_server);
        let body = format!("token={token}");
        let read = |answer: &Answer<'_>| {
            answer.must_be(200, "introspection")?;
            answer.must_hold("\"active\":true", "introspection")
        };
        let path = self.target.paths.introspect;
        self.browser.ask("POST", path, &headers, Some(&body), read).await
    }

    async fn userinfo(&mut self) -> Result<(), String> {
        let (token, _) = Self::next(&mut self.turn, &self.held)?;
        let headers = format!("Authorization: Bearer {token}\r\n");
        let read = |answer: &Answer<'_>| {
            answer.must_be(200, "userinfo")?;
            answer.must_hold("\"sub\":\"", "userinfo")
        };
        self.browser.ask("GET", self.target.paths.userinfo, &headers, None, read).await
    }

    /// With the session of the first of the people.
    async fn code_with_session(&mut self) -> Result<usize, String> {
        let person = self.people.first().cloned().ok_or("there is nobody")?;
        let application = Self::next(&mut self.turn, &self.applications)?.clone();
        Ok(self.code(&application, &person).await?.0)
    }

    async fn sign_in(&mut self) -> Result<(), String> {
        self.browser.forget();
        let person = Self::next(&mut self.turn, &self.people)?.clone();
        let application = Self::next(&mut self.turn, &self.applications)?.clone();
        match self.code(&application, &person).await? {
            (1, ..) => Ok(()),
            (times, ..) => Err(format!("signed in {times} times")),
        }
    }

    /// Tokens of grants: those that have been there, or else a new one.
    async fn hold(&mut self, is_refresh: bool) -> Result<(), String> {
        let Some(granted) = self.target.granted(self.task.token()) else {
            let person = Self::next(&mut self.turn, &self.people)?.clone();
            let application = Self::next(&mut self.turn, &self.applications)?.clone();
            let (_, access_token, refresh_token) = self.code(&application, &person).await?;
            let token = if is_refresh { refresh_token } else { access_token };
            self.held = vec![(token, application.program)];
            return Ok(());
        };
        for one in granted {
            let token = if is_refresh {
                one.refresh_token
            } else {
                let body = format!("grant_type=refresh_token&refresh_token={}", one.refresh_token);
                self.token(&one.application.authorization, &body).await?.0
            };
            self.held.push((token, one.application));
        }
        Ok(())
    }
}

impl Work for Worker {
    async fn prepare(&mut self) -> Result<(), String> {
        self.browser.hang_up();
        match self.task {
            Task::IntrospectOwn(_) if self.held.is_empty() => {
                let access_token = self.client_credentials().await?;
                self.held.push((access_token, Program::default()));
            }
            Task::IntrospectPersons(_) | Task::Userinfo if self.held.is_empty() => self.hold(false).await?,
            Task::Refresh(_) if self.held.is_empty() => self.hold(true).await?,
            // Whether or not there is a session yet.
            Task::Code(_) => self.code_with_session().await.map(drop)?,
            _ => {}
        }
        // Others may take longer, and servers do not keep connections on which nothing happens.
        self.browser.hang_up();
        Ok(())
    }

    async fn once(&mut self) -> Result<(), String> {
        match self.task {
            Task::Discovery => self.page(self.target.paths.discovery, "\"issuer\"").await,
            Task::Jwks => self.page(self.target.paths.jwks, "\"keys\"").await,
            Task::ClientCredentials(_) => self.client_credentials().await.map(drop),
            Task::IntrospectOwn(_) | Task::IntrospectPersons(_) => self.introspect().await,
            Task::Userinfo => self.userinfo().await,
            Task::Refresh(_) => self.refresh().await,
            Task::Code(_) => match self.code_with_session().await? {
                0 => Ok(()),
                _ => Err("the session was gone".to_owned()),
            },
            Task::SignIn => self.sign_in().await,
        }
    }
}
