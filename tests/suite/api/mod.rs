//! The administration's HTTP interface.

mod schemathesis;
