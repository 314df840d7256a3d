//! Gatehouse: a self-hosted OAuth 2.1 and OpenID Connect server.
//!
//! `docs/architecture.md` draws the house. Imports only go down:
//! `cli → web, jobs → admin → federation → oauth → identity → audit → app → config, keys, outside → store → model → protocol → base`.

#![forbid(unsafe_code)]

pub mod admin;
pub mod app;
pub mod audit;
pub mod base;
pub mod cli;
pub mod config;
pub mod federation;
pub mod identity;
pub mod installation;
pub mod jobs;
pub mod keys;
pub mod model;
pub mod oauth;
pub mod outside;
pub mod protocol;
pub mod seed;
pub mod store;
pub mod web;
