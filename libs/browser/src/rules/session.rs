//! The session of a tab. It is kept across page loads.

/// The idle time after which a session ends, in ms.
const IDLE_MS: f64 = 30.0 * 60e3;
/// The longest duration of a session, in ms.
const LONGEST_MS: f64 = 4.0 * 3_600e3;
/// The shortest time between two writes of the last use, in ms. Storage is synchronous and slow.
const WRITE_EVERY_MS: f64 = 5e3;

/// A session. Times are wall-clock ms since the Unix epoch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Session {
    /// The session id, a UUID.
    pub(crate) id: String,
    began_ms: f64,
    used_ms: f64,
    written_ms: f64,
}

impl Session {
    /// Begins a session now.
    pub(crate) fn new(id: String, now_ms: f64) -> Self {
        Self {
            id,
            began_ms: now_ms,
            used_ms: now_ms,
            written_ms: f64::NEG_INFINITY,
        }
    }

    /// Parses the text of [`Session::used`]. Returns `None` for any other text.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut fields = text.split(' ');
        let id = fields.next()?;
        // Whole numbers only: a decimal parser would add more code size than all other rules
        // together.
        let time = |field: Option<&str>| field?.parse::<i64>().ok().map(|ms| ms as f64);
        let (began_ms, used_ms) = (time(fields.next())?, time(fields.next())?);
        let is_uuid = id.len() == 36 && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        (is_uuid && fields.next().is_none()).then(|| Self {
            id: id.to_owned(),
            began_ms,
            used_ms,
            written_ms: used_ms,
        })
    }

    /// Reports whether the session is over. It is checked on use, because timers stop while the
    /// machine sleeps. A clock set back by more than the idle time also ends the session.
    pub(crate) fn is_over(&self, now_ms: f64) -> bool {
        (now_ms - self.used_ms).abs() > IDLE_MS || (now_ms - self.began_ms).abs() > LONGEST_MS
    }

    /// Notes a use. Returns the text to store if a write is due.
    pub(crate) fn used(&mut self, now_ms: f64) -> Option<String> {
        self.used_ms = now_ms;
        if (now_ms - self.written_ms).abs() < WRITE_EVERY_MS {
            return None;
        }
        self.written_ms = now_ms;
        let (began_ms, used_ms) = (self.began_ms as i64, self.used_ms as i64);
        Some(format!("{} {began_ms} {used_ms}", self.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0190a4b0-7d6c-4b1a-8f50-3b1f8a9d2c11";
    const MINUTE_MS: f64 = 60e3;

    #[test]
    fn a_session_survives_a_page_load() {
        let text = Session::new(ID.to_owned(), 1e12)
            .used(1e12)
            .expect("first use is written");
        let read = Session::read(&text).expect("reads back");
        assert_eq!(read.id, ID);
        assert!(!read.is_over(1e12 + 29.0 * MINUTE_MS));
        assert!(read.is_over(1e12 + 31.0 * MINUTE_MS));
    }

    #[test]
    fn activity_extends_the_idle_timeout_but_not_the_maximum_age() {
        let mut session = Session::new(ID.to_owned(), 0.0);
        let mut now = 0.0;
        while now < 4.0 * 60.0 * MINUTE_MS {
            assert!(!session.is_over(now));
            session.used(now);
            now += 20.0 * MINUTE_MS;
        }
        assert!(session.is_over(now + 1.0));
    }

    #[test]
    fn a_clock_set_far_back_ends_the_session() {
        assert!(Session::new(ID.to_owned(), 1e12).is_over(1e12 - 31.0 * MINUTE_MS));
    }

    #[test]
    fn the_last_activity_is_stored_at_intervals() {
        let mut session = Session::new(ID.to_owned(), 0.0);
        assert!(session.used(0.0).is_some());
        assert!(session.used(100.0).is_none());
        assert!(session.used(6_000.0).is_some());
    }

    #[test]
    fn unknown_text_in_storage_is_not_a_session() {
        for text in [
            "",
            "x",
            "a b c",
            "0190a4b0 1 2",
            &format!("{ID} 1"),
            &format!("{ID} 1 1.5"),
        ] {
            assert_eq!(Session::read(text), None, "{text:?}");
        }
    }

    #[cfg(not(target_family = "wasm"))]
    proptest::proptest! {
        #[test]
        fn any_text_is_parsed_or_rejected_as_a_session(text in "\\PC{0,80}") {
            let _ = Session::read(&text);
        }
    }
}
