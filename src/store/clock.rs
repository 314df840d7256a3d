//! The clock of a database server, beside that of this machine.

use crate::base::clock::Clock;
use crate::base::fault::Fault;

use super::Store;
use super::options::Dialect;
use super::sql::sql;

impl Store {
    /// By how many milliseconds the clock of the database server is ahead of this one; less than zero when it is behind, and 0
    /// when what it says lies between asking and answer. `None` where the database is a file.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn clock_ahead(&self, clock: &Clock) -> Result<Option<i64>, Fault> {
        let question = match self.dialect {
            Dialect::Sqlite => return Ok(None),
            Dialect::Postgres => sql!("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)"),
            // In UTC: local time has an hour twice a year that is there twice or not at all.
            Dialect::MySql => {
                sql!("SELECT CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', UTC_TIMESTAMP(6)) DIV 1000 AS SIGNED)")
            }
        };
        let mut connection = self.read().await?;
        let asked = millis(clock);
        let theirs = connection.query(question).optional(|row| row.integer(0)).await?;
        Ok(theirs.map(|theirs| ahead(theirs, asked, millis(clock))))
    }
}

fn millis(clock: &Clock) -> i64 {
    i64::try_from(clock.now_millis()).unwrap_or(i64::MAX)
}

fn ahead(theirs: i64, asked: i64, answered: i64) -> i64 {
    if theirs < asked {
        theirs - asked
    } else {
        (theirs - answered).max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::ahead;

    #[test]
    fn the_time_that_an_answer_takes_is_no_difference() {
        assert_eq!(ahead(1500, 1000, 2000), 0);
        assert_eq!(ahead(900, 1000, 2000), -100);
        assert_eq!(ahead(2100, 1000, 2000), 100);
    }
}
