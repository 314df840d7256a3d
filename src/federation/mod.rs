//! What happens between this server and other providers: the callback relay, for programs that cannot receive a
//! redirect themselves, flows of agents that end at the browser of their person, and what people give agents elsewhere.
//!
//! - `access_keys`: keys with which programs of clients sign requests, as those of AWS do
//! - `agentcore`: the vault as programs expect it that were written for AWS Bedrock AgentCore Identity
//! - `program`: which program it is that uses them
//! - `relay`: a program announces a redirect, a provider sends it, the program collects it
//! - `user_tokens`: for whom an agent acts, by a verified JWT
//! - `upstream`: this server as the client of other providers
//! - `providers`: where people connect accounts of theirs, and what is peculiar there
//! - `flows`: an agent binds a flow to a person, the person completes it in their browser
//! - `workloads`: the agents of clients, and the tokens by which they act for a person or for themselves
//! - `connections`: keeping what people gave agents at other providers
//! - `vault`: giving it to the agents, and asking the people
//! - `token_exchange`: the same at the token endpoint

pub mod access_keys;
pub mod agentcore;
pub mod connections;
pub mod flows;
pub mod program;
pub mod providers;
pub mod relay;
pub mod token_exchange;
pub mod upstream;
pub mod user_tokens;
pub mod vault;
pub mod workloads;
