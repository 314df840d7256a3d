//! The arrows between the floors.
