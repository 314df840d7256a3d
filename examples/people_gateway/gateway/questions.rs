//! The questions that people were asked and have not answered. Whoever calls again while one is open is shown the same one,
//! so that nobody has fifty links for the same thing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use openidconnect::CsrfToken;

/// How many are kept.
const MAX: usize = 1_000;

/// For whom one is: the person, and the client that they use. It is shown to nobody else.
pub type Asker = (String, String);

/// A question.
#[derive(Debug)]
pub struct Question {
    /// What the client calls it
    pub id: String,
    /// Where the person answers it
    pub link: String,
    /// What the vault calls it
    pub session_uri: String,
    /// Whether it is asked because the API refused a token that the vault took for good
    pub is_after_refusal: bool,
    until: Instant,
}

impl Question {
    /// One that is open for so many seconds.
    pub fn new(link: String, session_uri: String, expires_in: u64, is_after_refusal: bool) -> Self {
        Self {
            id: CsrfToken::new_random().into_secret(),
            link,
            session_uri,
            is_after_refusal,
            until: Instant::now() + Duration::from_secs(expires_in),
        }
    }
}

/// All of them.
#[derive(Default)]
pub struct Questions(Mutex<HashMap<Asker, Arc<Question>>>);

impl Questions {
    /// The one of somebody.
    pub fn of(&self, asker: &Asker) -> Option<Arc<Question>> {
        self.all().get(asker).filter(|question| Instant::now() < question.until).cloned()
    }

    /// Keeps one, in the place of the one before. When there are too many, none is kept: that costs people a link more.
    pub fn keep(&self, asker: &Asker, question: Question) -> Arc<Question> {
        let question = Arc::new(question);
        let now = Instant::now();
        let mut all = self.all();
        all.retain(|_, question| now < question.until);
        if all.len() < MAX {
            all.insert(asker.clone(), Arc::clone(&question));
        }
        question
    }

    /// Forgets one that is over, unless there is another one already.
    pub fn forget(&self, asker: &Asker, question: &Question) {
        let mut all = self.all();
        if all.get(asker).is_some_and(|known| known.id == question.id) {
            all.remove(asker);
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Asker, Arc<Question>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
