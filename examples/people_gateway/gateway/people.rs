//! The People API: `GET /people/me`, as Google's (<https://developers.google.com/people/api/rest/v1/people/get>).

use std::time::Duration;

use openidconnect::url::Url;
use serde::{Deserialize, Serialize};

use super::problem::{Kind, Problem};
use crate::shared::outside::{Answer, Outside, may_have_tokens};

/// What is asked for.
const FIELDS: &str = "names,emailAddresses";
/// For how long the gateway waits itself when it is told to come back later.
const SHORT_PAUSE: u64 = 3;
/// After how many seconds one may ask again who was not told.
const SOON: u64 = 30;

/// The API, at an address.
pub struct People {
    outside: Outside,
    url: Url,
}

/// Who somebody is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Profile {
    /// What they are called; empty when they are not
    pub name: String,
    /// Where they are written to
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
}

/// What came of asking.
pub enum Asked {
    /// An answer
    Profile(Profile),
    /// The token is worth nothing there
    TokenRefused,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Person {
    names: Vec<Name>,
    email_addresses: Vec<Email>,
}

#[derive(Deserialize, Default, Clone)]
#[serde(default, rename_all = "camelCase")]
struct Name {
    display_name: String,
    metadata: Metadata,
}

#[derive(Deserialize, Default, Clone)]
#[serde(default)]
struct Email {
    value: String,
    metadata: Metadata,
}

#[derive(Deserialize, Default, Clone)]
#[serde(default)]
struct Metadata {
    primary: bool,
}

impl People {
    /// The API at this address, such as `https://people.googleapis.com/v1`.
    ///
    /// # Errors
    /// When it is no address to which tokens may go.
    pub fn at(address: &str) -> Result<Self, String> {
        let url = Url::parse(&format!("{}/people/me", address.trim_end_matches('/')));
        let mut url = url.map_err(|error| format!("{address} is no address: {error}"))?;
        if !may_have_tokens(&url) {
            return Err(format!("{address} is neither an https:// address nor on this machine"));
        }
        url.query_pairs_mut().append_pair("personFields", FIELDS);
        Ok(Self {
            outside: Outside::new()?,
            url,
        })
    }

    /// Who has this token.
    ///
    /// # Errors
    /// When the API does not say.
    pub async fn me(&self, token: &str) -> Result<Asked, Problem> {
        let mut answer = self.get(token).await?;
        if let (429 | 503, Some(seconds @ 0..=SHORT_PAUSE)) = (answer.status, answer.retry_after) {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            answer = self.get(token).await?;
        }
        match answer.status {
            200 => read(&answer).map(Asked::Profile),
            401 => Ok(Asked::TokenRefused),
            403 => Err(Problem::new(
                Kind::Configuration,
                "the People API forbids that (403): is it enabled for the project, and does the scope cover it?",
            )),
            status @ (429 | 503) => {
                let seconds = answer.retry_after.unwrap_or(SOON);
                Err(Problem::for_now(
                    format!("the People API wants to be asked later, in {seconds} seconds ({status})"),
                    seconds,
                ))
            }
            status => Err(Problem::new(Kind::Gateway, format!("the People API answers {status}"))),
        }
    }

    async fn get(&self, token: &str) -> Result<Answer, Problem> {
        let answer = self.outside.get(&self.url, token).await;
        answer.map_err(|problem| Problem::new(Kind::Gateway, format!("the People API does not answer: {problem}")))
    }
}

fn read(answer: &Answer) -> Result<Profile, Problem> {
    let person: Person = serde_json::from_slice(&answer.body)
        .map_err(|_| Problem::new(Kind::Gateway, "the People API answers something else than a person"))?;
    // Of several, the one that the person calls theirs.
    let name = person.names.iter().find(|name| name.metadata.primary).or(person.names.first());
    let email = person.email_addresses.iter().find(|email| email.metadata.primary);
    let email = email.or(person.email_addresses.first());
    Ok(Profile {
        name: name.map(|name| name.display_name.clone()).unwrap_or_default(),
        email: email.map(|email| email.value.clone()),
    })
}
