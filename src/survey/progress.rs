//! How far a survey is, and how long it will take.

use std::time::Duration;

/// Questions answered of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Questions of the survey.
    pub total: usize,
    /// Those of them that are answered.
    pub done: usize,
    /// Those of the answered ones that were in the store.
    pub stored: usize,
}

impl Progress {
    /// The time that the questions left will take, if they take as long as those that were asked in `elapsed`; `None` before
    /// any was asked.
    pub fn left(&self, elapsed: Duration) -> Option<Duration> {
        let asked = self.done.checked_sub(self.stored).filter(|asked| *asked > 0)?;
        let each = elapsed.as_secs_f64() / asked as f64;
        Duration::try_from_secs_f64(each * self.total.saturating_sub(self.done) as f64).ok()
    }

    /// Such as `12 of 40 questions, 10 of them stored before`.
    pub fn in_words(&self) -> String {
        match self.stored {
            0 => format!("{} of {} questions", self.done, self.total),
            stored => format!("{} of {} questions, {stored} of them stored before", self.done, self.total),
        }
    }
}

/// A time as people say it.
pub fn time_in_words(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_that_of_the_questions_asked_and_not_of_those_in_the_store() {
        let progress = Progress { total: 40, done: 12, stored: 10 };
        assert_eq!(progress.in_words(), "12 of 40 questions, 10 of them stored before");
        assert_eq!(progress.left(Duration::from_secs(6)), Some(Duration::from_secs(84)));
        assert_eq!(Progress { total: 4, done: 2, stored: 2 }.left(Duration::from_secs(1)), None);
        assert_eq!(time_in_words(Duration::from_secs(84)), "1 min 24 s");
        assert_eq!(time_in_words(Duration::from_secs(7_384)), "2 h 3 min");
    }
}
