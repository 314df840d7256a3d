//! Connections to other providers, and the vault of their tokens.

mod upstream;
