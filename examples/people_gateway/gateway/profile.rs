//! The work of the tool: the person's token from the vault, the person's profile from the API.
//!
//! ```text
//! caller's token ──▶ vault: for whom? ──▶ question open? ──▶ wait for it
//!                                     ──▶ token ──▶ People API ──▶ profile
//!                                                        └─ 401 ──▶ question, once
//! ```

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret;
use tokio::sync::Semaphore;

use super::guard::Caller;
use super::people::{Asked, People, Profile};
use super::problem::{Kind, Problem};
use super::questions::{Question, Questions};
use super::vault::{Given, OnBehalf, Session, Vault};

/// How long a call waits for a person; less than clients and proxies wait for an answer.
const WAIT: Duration = Duration::from_secs(20);
/// How many calls wait at once. Who comes later is answered at once.
const MAX_WAITING: usize = 100;

/// What a call leads to.
pub enum Outcome {
    /// The profile
    Profile(Profile),
    /// The person has to answer this first
    Ask(Arc<Question>),
}

/// What the client says about the question that it was shown before.
#[derive(Debug, PartialEq, Eq)]
pub enum Reply {
    /// Nothing, or the person has opened it
    GoOn,
    /// The person does not want to answer the question of this id
    No(String),
}

/// Profiles of people.
pub struct Profiles {
    vault: Vault,
    people: People,
    questions: Questions,
    waiting: Semaphore,
}

impl Profiles {
    /// Of this API, with tokens of this vault.
    pub fn new(vault: Vault, people: People) -> Self {
        Self {
            vault,
            people,
            questions: Questions::default(),
            waiting: Semaphore::new(MAX_WAITING),
        }
    }

    /// The profile of who calls.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn of(&self, caller: &Caller, reply: &Reply) -> Result<Outcome, Problem> {
        let person = self.vault.on_behalf_of(caller.token.expose_secret()).await?;
        let asker = &caller.asker;
        let (mut account, mut was_refused) = (None, false);
        if let Some(question) = self.questions.of(asker) {
            if *reply == Reply::No(question.id.clone()) {
                self.questions.forget(asker, &question);
                self.vault.cancel(&person, &question.session_uri).await;
                return Err(Problem::new(Kind::Oauth, "access was not given"));
            }
            match self.await_answer(&person, &question).await? {
                Session::Open => return Ok(Outcome::Ask(question)),
                Session::Completed(connection) => {
                    self.questions.forget(asker, &question);
                    (account, was_refused) = (connection, question.is_after_refusal);
                }
                Session::Ended(why) => {
                    self.questions.forget(asker, &question);
                    return Err(Problem::new(Kind::Oauth, format!("there is no access to the account: {why}")));
                }
                Session::Unknown => self.questions.forget(asker, &question),
            }
        }
        let token = match self.vault.token(&person, account.as_deref(), false).await? {
            Given::Token(token) => token,
            question @ Given::Question { .. } => return self.ask(caller, question, false),
        };
        match self.people.me(token.expose_secret()).await? {
            Asked::Profile(profile) => Ok(Outcome::Profile(profile)),
            // They have just been asked because of that.
            Asked::TokenRefused if was_refused => Err(Problem::new(
                Kind::Gateway,
                "the People API refuses a token that it was given only now (401): are provider and API the same party?",
            )),
            Asked::TokenRefused => {
                let question = self.vault.token(&person, None, true).await?;
                self.ask(caller, question, true)
            }
        }
    }

    fn ask(&self, caller: &Caller, given: Given, is_after_refusal: bool) -> Result<Outcome, Problem> {
        match given {
            Given::Question {
                link,
                session_uri,
                expires_in,
            } => {
                let question = Question::new(link, session_uri, expires_in, is_after_refusal);
                Ok(Outcome::Ask(self.questions.keep(&caller.asker, question)))
            }
            Given::Token(_) => Err(Problem::new(
                Kind::Gateway,
                "the vault gives a token where it was to ask the person",
            )),
        }
    }

    /// How a question stands; waits for the person as long as there is room for those who wait.
    async fn await_answer(&self, person: &OnBehalf, question: &Question) -> Result<Session, Problem> {
        let turn = self.waiting.try_acquire();
        let wait = if turn.is_ok() { WAIT } else { Duration::ZERO };
        self.vault.session(person, &question.session_uri, wait).await
    }
}
