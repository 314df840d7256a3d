//! What the pages of the administration are made of: parts with a template each, so that every form has
//! its labels, every table its caption, and every page its heading, in one way.
//!
//! A handler asks the engine, puts parts into a [`page::View`], and answers with it.

pub mod chart;
pub mod field;
pub mod form;
pub mod page;
pub mod parts;
pub mod table;
pub mod time;

use askama::DynTemplate;

/// A piece of a page: something with a template.
pub type Part = Box<dyn DynTemplate>;
