//! The order form and its validation.

use serde::Deserialize;

use crate::error::ApiError;

/// The order form.
#[derive(Debug, Deserialize)]
pub struct OrderForm {
    /// The customer's name.
    pub name: String,
    /// The address for the confirmation.
    pub email: String,
    /// A note; may be empty.
    #[serde(default)]
    pub note: String,
}

impl OrderForm {
    /// Returns the form with spaces at the ends of its fields removed.
    ///
    /// # Errors
    /// [`ApiError::Invalid`] names the first invalid field.
    pub fn checked(self) -> Result<Self, ApiError> {
        let form = Self {
            name: self.name.trim().to_owned(),
            email: self.email.trim().to_owned(),
            note: self.note.trim().to_owned(),
        };
        let invalid = |field, message| Err(ApiError::Invalid { field, message });
        if form.name.is_empty() || form.name.chars().count() > 200 || has_control(&form.name) {
            return invalid(
                "name",
                "please tell us your name, in at most 200 characters",
            );
        }
        if !is_email(&form.email) {
            return invalid("email", "this does not look like an email address");
        }
        // A note may contain line breaks and tabs. Postgres cannot store NUL.
        if form.note.chars().count() > 2000 || form.note.contains('\0') {
            return invalid("note", "please keep the note under 2000 characters");
        }
        Ok(form)
    }
}

fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

/// Checks the form of the address only. The mail gateway finds out whether the mailbox exists.
fn is_email(text: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && !part.contains(|c: char| c == '@' || c.is_whitespace() || c.is_control())
    };
    text.len() <= 254
        && text.split_once('@').is_some_and(|(local, domain)| {
            plain(local) && plain(domain) && domain.contains('.') && !domain.ends_with('.')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str, email: &str, note: &str) -> Option<&'static str> {
        let form = OrderForm {
            name: name.into(),
            email: email.into(),
            note: note.into(),
        };
        match form.checked() {
            Ok(_) => None,
            Err(ApiError::Invalid { field, .. }) => Some(field),
            Err(other) => panic!("unexpected {other}"),
        }
    }

    #[test]
    fn blanks_at_the_ends_do_not_count() {
        let form = OrderForm {
            name: " Ada ".into(),
            email: "a@b.test\n".into(),
            note: String::new(),
        };
        let form = form.checked().expect("valid");
        assert_eq!(
            (form.name.as_str(), form.email.as_str()),
            ("Ada", "a@b.test")
        );
    }

    #[test]
    fn the_field_that_does_not_make_sense_is_named() {
        assert_eq!(refused("Ada", "ada@example.test", "two\nlines"), None);
        assert_eq!(refused("  ", "ada@example.test", ""), Some("name"));
        assert_eq!(refused("A\0da", "ada@example.test", ""), Some("name"));
        assert_eq!(refused("Ada", "ada@example.test", "a\0b"), Some("note"));
        assert_eq!(
            refused("Ada", "ada@example.test", &"x".repeat(2001)),
            Some("note")
        );
        for email in [
            "",
            "ada",
            "@b.test",
            "a@",
            "a@b",
            "a@b.",
            "a b@c.test",
            "a@b@c.test",
        ] {
            assert_eq!(refused("Ada", email, ""), Some("email"), "{email:?}");
        }
    }
}
