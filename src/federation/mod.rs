//! What happens between this server and other providers: the callback relay, for programs that cannot receive a
//! redirect themselves, and flows of agents that end at the browser of their person.
//!
//! - `program`: which program it is that uses them
//! - `relay`: a program announces a redirect, a provider sends it, the program collects it
//! - `user_tokens`: for whom an agent acts, by a verified JWT
//! - `providers`: where people connect accounts of theirs, and what is peculiar there
//! - `flows`: an agent binds a flow to a person, the person completes it in their browser

pub mod flows;
pub mod program;
pub mod providers;
pub mod relay;
pub mod user_tokens;
