//! Finds the attributes of a span that the row of its trace stores, in their encoded form.

use throughline_codec::binary::{self, ValueBytes};
use throughline_wire::semconv;

use crate::indexed_text::{MAX_CHARS, MAX_SESSION_CHARS, beginning};

/// The location of a text in the bytes of its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::writer) struct TextAt {
    offset: usize,
    len: u32,
}

impl TextAt {
    /// Returns the beginning of a status message at `offset`; `None` when it is empty.
    pub(super) fn message(offset: usize, text: &str) -> Option<Self> {
        let len = beginning(text, MAX_CHARS).len() as u32;
        (len > 0).then_some(Self { offset, len })
    }

    /// Returns the beginning of an attribute value at `offset`; `None` when it is empty. It ends
    /// before the character NUL, which Postgres refuses in a text.
    pub(super) fn beginning_of(offset: usize, text: &str) -> Option<Self> {
        let end = text.find('\0').unwrap_or(text.len());
        Self::message(offset, &text[..end])
    }

    /// Returns the text, given the bytes of its batch.
    pub(in crate::writer) fn of(self, bytes: &[u8]) -> &str {
        let text = bytes.get(self.offset..self.offset + self.len as usize);
        // It was valid UTF-8 when it was found.
        text.and_then(|text| core::str::from_utf8(text).ok())
            .unwrap_or_default()
    }
}

/// The text of a named attribute.
#[derive(Debug)]
enum Found {
    /// The value is a text in the bytes of the batch.
    Text(TextAt),
    /// The value is a number or a boolean with this text.
    Written(String),
}

impl Found {
    /// Returns the location of the text in `out`, after it is appended if it is not there.
    fn place(&self, out: &mut Vec<u8>) -> TextAt {
        match self {
            Self::Text(at) => *at,
            Self::Written(text) => {
                let offset = out.len();
                out.extend_from_slice(text.as_bytes());
                TextAt {
                    offset,
                    len: text.len() as u32,
                }
            }
        }
    }
}

/// The named attributes of a span.
#[derive(Debug, Default)]
pub(super) struct Named {
    user: Option<Found>,
    end_user: Option<Found>,
    session: Option<Found>,
    error_type: Option<TextAt>,
    is_repaired: bool,
}

impl Named {
    /// Searches the encoded attributes from `from` to the end of `bytes`.
    pub(super) fn find(bytes: &[u8], from: usize) -> Self {
        const USER: &[u8] = semconv::USER_ID.as_bytes();
        const END_USER: &[u8] = semconv::ENDUSER_ID.as_bytes();
        const SESSION: &[u8] = semconv::SESSION_ID.as_bytes();
        const ERROR_TYPE: &[u8] = semconv::ERROR_TYPE.as_bytes();
        const REPAIRS: &[u8] = semconv::REPAIRS.as_bytes();
        let mut named = Self::default();
        for (key, value) in binary::attributes_in(bytes.get(from..).unwrap_or_default()) {
            let (slot, max_chars) = match key {
                USER => (&mut named.user, MAX_CHARS),
                END_USER => (&mut named.end_user, MAX_CHARS),
                SESSION => (&mut named.session, MAX_SESSION_CHARS),
                ERROR_TYPE => {
                    let text = value.text_at();
                    named.error_type =
                        text.and_then(|(at, text)| TextAt::beginning_of(from + at, text));
                    continue;
                }
                REPAIRS => {
                    named.is_repaired = true;
                    continue;
                }
                _ => continue,
            };
            *slot = match value.text_at() {
                Some((_, "")) => None,
                Some((at, text)) => Some(Found::Text(TextAt {
                    offset: from + at,
                    len: beginning(text, max_chars).len() as u32,
                })),
                None => written(&value, max_chars).map(Found::Written),
            };
        }
        named
    }

    /// Returns the user; the newer attribute name takes precedence. Appends the text of a number
    /// or a boolean to `out`, the bytes of the batch.
    pub(super) fn user(&self, out: &mut Vec<u8>) -> Option<TextAt> {
        let user = self.user.as_ref().or(self.end_user.as_ref());
        user.map(|user| user.place(out))
    }

    /// Returns the type of the error.
    pub(super) fn error_type(&self) -> Option<TextAt> {
        self.error_type
    }

    /// Returns whether ingest recorded a repair of the span.
    pub(super) fn is_repaired(&self) -> bool {
        self.is_repaired
    }

    /// Returns the session, in the same way as [`Self::user`].
    pub(super) fn session(&self, out: &mut Vec<u8>) -> Option<TextAt> {
        self.session.as_ref().map(|session| session.place(out))
    }
}

/// Returns the text of a number or a boolean.
fn written(value: &ValueBytes<'_>, max_chars: usize) -> Option<String> {
    let value = value.decode()?;
    let text = value.to_text()?;
    Some(beginning(&text, max_chars).to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use throughline_wire::{AttributeValue, Attributes};

    use super::*;

    fn found(attributes: &[(&'static str, AttributeValue)]) -> [Option<String>; 2] {
        let attributes: Attributes = attributes.iter().cloned().collect();
        let mut bytes = b"what stands before".to_vec();
        let from = bytes.len();
        binary::encode_attributes(&attributes, &mut bytes);
        let named = Named::find(&bytes, from);
        let found = [named.user(&mut bytes), named.session(&mut bytes)];
        found.map(|text| text.map(|text| text.of(&bytes).to_owned()))
    }

    #[test]
    fn users_and_sessions_are_found_by_their_texts() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(found(&[("other", "x".into())]), [None, None]);
        assert_eq!(
            found(&[
                (semconv::ENDUSER_ID, "old".into()),
                (semconv::SESSION_ID, "s".into()),
                (semconv::USER_ID, "new".into()),
            ]),
            [some("new"), some("s")]
        );
        assert_eq!(
            found(&[
                (semconv::ENDUSER_ID, "old".into()),
                (semconv::USER_ID, "".into()),
                (semconv::SESSION_ID, 5_i64.into()),
            ]),
            [some("old"), some("5")]
        );
        for (value, text) in [
            (4_711_i64.into(), some("4711")),
            (i64::MIN.into(), some("-9223372036854775808")),
            (0.5.into(), some("0.5")),
            (false.into(), some("false")),
            (AttributeValue::Empty, None),
            (vec![AttributeValue::from("a")].into(), None),
        ] {
            assert_eq!(
                found(&[
                    (semconv::USER_ID, value.clone()),
                    (semconv::SESSION_ID, value)
                ]),
                [text.clone(), text]
            );
        }
    }

    #[test]
    fn long_users_and_sessions_are_truncated_at_a_character() {
        let long = "ä".repeat(300);
        let [user, session] = found(&[
            (semconv::USER_ID, long.clone().into()),
            (semconv::SESSION_ID, long.into()),
        ]);
        assert_eq!(user, Some("ä".repeat(MAX_CHARS)));
        assert_eq!(session, Some("ä".repeat(MAX_SESSION_CHARS)));
    }
}
