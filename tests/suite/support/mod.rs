//! Filled in by the tests of this area.

pub mod process;
