//! The administration's HTTP interface.

mod document;
mod schemathesis;
