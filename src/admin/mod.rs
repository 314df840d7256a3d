//! What operators do, wherever they do it: an engine per noun, the same for the command line and the API.
//!
//! An engine checks, changes in one transaction, and writes the event of the audit log in the same one.

pub mod settings;
