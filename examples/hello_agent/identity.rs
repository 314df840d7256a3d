//! The workload identity: made for one run, and removed with everything that people gave it.

use openidconnect::reqwest::Method;
use secrecy::SecretString;
use serde_json::json;

use crate::gatehouse::{Credentials, Gatehouse, reason};
use crate::gateway::problem::{Kind, Problem};

/// What an agent may do, and nothing else.
pub struct Ceiling<'a> {
    /// At this provider
    pub provider: &'a str,
    /// At most this
    pub scope: &'a str,
}

/// An identity that exists.
pub struct Identity {
    gatehouse: Gatehouse,
    setup: Credentials,
    name: String,
}

impl Identity {
    /// Makes one that a client owns. People are sent back to `return_uri` and to no other address.
    ///
    /// # Errors
    /// When it cannot be made, or there is one of this name.
    pub async fn create(
        gatehouse: &Gatehouse,
        setup: &Credentials,
        name: &str,
        owner: &str,
        ceiling: &Ceiling<'_>,
        return_uri: &str,
    ) -> Result<Self, Problem> {
        let token = gatehouse.token(setup, "admin:write").await?;
        has_provider(gatehouse, &token, ceiling.provider).await?;
        let body = json!({
            "name": name,
            "client_id": owner,
            "display_name": "Hello agent",
            "ceilings": { ceiling.provider: ceiling.scope },
            "return_uris": [return_uri],
        });
        let (status, answer) = gatehouse.administer(&token, Method::POST, "workloads", Some(&body)).await?;
        match status.as_u16() {
            201 => Ok(Self {
                gatehouse: gatehouse.clone(),
                setup: setup.clone(),
                name: name.to_owned(),
            }),
            409 => Err(Problem::new(
                Kind::Identity,
                format!(
                    "there is a workload {name} already: of another run, or left behind by one that was killed. --replace removes it first"
                ),
            )),
            _ => Err(Problem::new(
                Kind::Identity,
                format!("the workload {name} cannot be made: {}", reason(&answer)),
            )),
        }
    }

    /// Removes one that an earlier run left behind, if there is one. That of another client stays.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub async fn remove_left_behind(gatehouse: &Gatehouse, setup: &Credentials, name: &str, owner: &str) -> Result<(), Problem> {
        let token = gatehouse.token(setup, "admin:write").await?;
        let (status, answer) = gatehouse
            .administer(&token, Method::GET, &format!("workloads/{name}"), None)
            .await?;
        if status == 404 {
            return Ok(());
        }
        if answer["client_id"] != owner {
            return Err(Problem::new(
                Kind::Identity,
                format!("the workload {name} belongs to another client than {owner}, so it stays"),
            ));
        }
        let left = Self {
            gatehouse: gatehouse.clone(),
            setup: setup.clone(),
            name: name.to_owned(),
        };
        left.remove().await
    }

    /// Takes back what people gave, at the provider where that is possible, and removes the identity.
    ///
    /// # Errors
    /// When it is still there.
    pub async fn remove(self) -> Result<(), Problem> {
        let still_there = |problem: Problem| {
            let message = format!(
                "the workload {} is still there: {}. Run again with --replace",
                self.name, problem.message
            );
            Problem::new(Kind::Identity, message)
        };
        // A new token: the one of the beginning may have ended.
        let token = self.gatehouse.token(&self.setup, "admin:write").await.map_err(still_there)?;
        let list = format!("connections?workload={}&limit=200", self.name);
        if let Ok((_, connections)) = self.gatehouse.administer(&token, Method::GET, &list, None).await {
            let ids = connections["items"].as_array().into_iter().flatten();
            for id in ids.filter_map(|connection| connection["id"].as_str()) {
                // The removal of the workload takes what is left.
                let _ = self
                    .gatehouse
                    .administer(&token, Method::DELETE, &format!("connections/{id}"), None)
                    .await;
            }
        }
        let path = format!("workloads/{}", self.name);
        let (status, answer) = self
            .gatehouse
            .administer(&token, Method::DELETE, &path, None)
            .await
            .map_err(still_there)?;
        match status.as_u16() {
            204 | 404 => Ok(()),
            _ => Err(still_there(Problem::new(Kind::Identity, reason(&answer)))),
        }
    }
}

/// A workload may be made before its provider is there. Nobody should sign in for one that can get nothing.
async fn has_provider(gatehouse: &Gatehouse, token: &SecretString, id: &str) -> Result<(), Problem> {
    let (status, answer) = gatehouse.administer(token, Method::GET, &format!("providers/{id}"), None).await?;
    let problem = match status.as_u16() {
        200 if answer["is_disabled"] == true => format!("the provider {id} is disabled at Gatehouse: enable it"),
        200 => return Ok(()),
        404 => format!("there is no provider {id} at Gatehouse: add it, see README.md"),
        _ => format!("the provider {id} cannot be looked at: {}", reason(&answer)),
    };
    Err(Problem::new(Kind::Configuration, problem))
}
