//! The `baggage` header: values that travel with a request, such as the session and the tenant.

use core::fmt;
use std::borrow::Cow;

use super::is_ows;

/// The value of `baggage` (W3C Baggage): members in the order received; each key occurs once.
///
/// Baggage is sent along with every outgoing request, also to third parties. Filter untrusted
/// baggage with an allow-list ([`Self::retain_keys`]) before you pass it on.
///
/// ```
/// use throughline_wire::w3c::Baggage;
/// let mut baggage = Baggage::parse("session.id=5f2a, user=Jos%C3%A9;ttl=30, secret=x");
/// assert_eq!(baggage.get("user"), Some("José"));
/// baggage.retain_keys(&["session.id", "user"]);
/// assert_eq!(baggage.to_string(), "session.id=5f2a,user=Jos%C3%A9;ttl=30");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Baggage {
    members: Vec<BaggageMember>,
}

/// A member of [`Baggage`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BaggageMember {
    key: String,
    value: String,
    properties: String,
}

impl BaggageMember {
    /// Returns the key, an HTTP token.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the value, percent-decoded.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Returns the properties as sent (`ttl=30;internal`); empty if there are none. Only the sender
    /// defines their meaning.
    pub fn properties(&self) -> &str {
        &self.properties
    }

    fn parse(member: &str) -> Option<Self> {
        let mut parts = member.split(';');
        let (key, value) = parts.next()?.split_once('=')?;
        let (key, value) = (key.trim_matches(is_ows), value.trim_matches(is_ows));
        if !is_token(key) || !value.bytes().all(is_octet) {
            return None;
        }
        let properties: Vec<&str> = parts
            .map(|property| property.trim_matches(is_ows))
            .filter(|property| is_property(property))
            .collect();
        Some(Self {
            key: key.to_owned(),
            value: decode(value).into_owned(),
            properties: properties.join(";"),
        })
    }
}

impl fmt::Display for BaggageMember {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=", self.key)?;
        for byte in self.value.bytes() {
            if is_octet(byte) && byte != b'%' {
                write!(f, "{}", char::from(byte))?;
            } else {
                write!(f, "%{byte:02X}")?;
            }
        }
        if !self.properties.is_empty() {
            write!(f, ";{}", self.properties)?;
        }
        Ok(())
    }
}

/// Returns true if `text` is an HTTP token (RFC 9110, 5.6.2).
fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// Returns true if `byte` may occur in a value without encoding (W3C Baggage, 3.3.1,
/// `baggage-octet`).
const fn is_octet(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7e) && !matches!(byte, b'"' | b',' | b';' | b'\\')
}

fn is_property(text: &str) -> bool {
    match text.split_once('=') {
        Some((key, value)) => {
            is_token(key.trim_end_matches(is_ows))
                && value.trim_start_matches(is_ows).bytes().all(is_octet)
        }
        None => is_token(text),
    }
}

/// Percent-decodes a value. Replaces bytes that are not UTF-8 by U+FFFD and keeps a `%` without two
/// digits.
fn decode(value: &str) -> Cow<'_, str> {
    if !value.contains('%') {
        return Cow::Borrowed(value);
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [first, tail @ ..] = rest {
        if let [b'%', high, low, after @ ..] = rest
            && let (Some(high), Some(low)) = (digit(*high), digit(*low))
        {
            bytes.push((high << 4 | low) as u8);
            rest = after;
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

impl Baggage {
    /// The maximum number of members read or sent; further ones are dropped (W3C Baggage, 3.3.2).
    pub const MAX_MEMBERS: usize = 64;
    /// The maximum length of a sent header, in bytes; members that do not fit are left out.
    pub const MAX_BYTES: usize = 8192;

    /// Reads one value of the header. Skips malformed members, because one program's mistake must
    /// not remove the baggage of all others.
    pub fn parse(header: &str) -> Self {
        Self::from_headers([header])
    }

    /// Reads all values of the header, in order, as one list. The last value of a repeated key wins
    /// and takes the position of the first.
    pub fn from_headers<'a>(headers: impl IntoIterator<Item = &'a str>) -> Self {
        let mut baggage = Self::default();
        headers
            .into_iter()
            .flat_map(|header| header.split(','))
            .filter_map(BaggageMember::parse)
            .for_each(|member| {
                baggage.put(member);
            });
        baggage
    }

    /// Returns the value of `key`, percent-decoded.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.members
            .iter()
            .find(|member| member.key == key)
            .map(BaggageMember::value)
    }

    /// Sets `key` and drops the properties it had. Returns false and does nothing if the key is not
    /// an HTTP token, or if the key is new and there are already [`Self::MAX_MEMBERS`] members.
    pub fn insert(&mut self, key: &str, value: impl Into<String>) -> bool {
        is_token(key)
            && self.put(BaggageMember {
                key: key.to_owned(),
                value: value.into(),
                properties: String::new(),
            })
    }

    fn put(&mut self, member: BaggageMember) -> bool {
        let full = self.members.len() == Self::MAX_MEMBERS;
        match self.members.iter_mut().find(|old| old.key == member.key) {
            Some(old) => *old = member,
            None if full => return false,
            None => self.members.push(member),
        }
        true
    }

    /// Removes `key` and returns its value.
    pub fn remove(&mut self, key: &str) -> Option<String> {
        let at = self.members.iter().position(|member| member.key == key)?;
        Some(self.members.remove(at).value)
    }

    /// Removes all keys that are not in the allow-list.
    pub fn retain_keys(&mut self, allowed: &[&str]) {
        self.members
            .retain(|member| allowed.contains(&member.key.as_str()));
    }

    /// Iterates over the members in order.
    pub fn iter(&self) -> impl Iterator<Item = &BaggageMember> {
        self.members.iter()
    }

    /// Returns the number of members.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Returns true if there are no members. Do not send an empty header.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

/// Writes the value of the header, at most [`Baggage::MAX_BYTES`] bytes; empty if no member fits.
impl fmt::Display for Baggage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut written = 0;
        for member in &self.members {
            let member = member.to_string();
            let comma = if written == 0 { "" } else { "," };
            if written + comma.len() + member.len() <= Self::MAX_BYTES {
                write!(f, "{comma}{member}")?;
                written += comma.len() + member.len();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_parses_as_baggage(text: String) {
            let baggage = Baggage::parse(&text);
            prop_assert_eq!(Baggage::parse(&baggage.to_string()), baggage);
        }

        #[test]
        fn a_parsed_value_is_written_and_read_back_unchanged(
            text in r"([a-c%!]{1,2}[ \t]?=[ \t]?[!-~]{0,6}(;[ab]=?[%a-f0-9]{0,3}){0,2},){0,70}",
        ) {
            let baggage = Baggage::parse(&text);
            prop_assert!(baggage.len() <= Baggage::MAX_MEMBERS);
            prop_assert_eq!(Baggage::parse(&baggage.to_string()), baggage);
        }

        #[test]
        fn any_value_can_be_propagated(value: String) {
            let mut baggage = Baggage::default();
            prop_assert!(baggage.insert("k", value.clone()));
            let text = baggage.to_string();
            prop_assert!(text.bytes().all(is_octet));
            let read = Baggage::parse(&text);
            prop_assert_eq!(read.get("k"), Some(value.as_str()));
        }
    }

    #[test]
    fn white_space_properties_and_empty_members_are_read() {
        let baggage = Baggage::from_headers([
            "key1 = value1 ; property1 ;  p2 = x , ,key2=",
            "key3=a=b;;bad property;p",
        ]);
        let members: Vec<_> = baggage
            .iter()
            .map(|member| (member.key(), member.value(), member.properties()))
            .collect();
        assert_eq!(
            members,
            [
                ("key1", "value1", "property1;p2 = x"),
                ("key2", "", ""),
                ("key3", "a=b", "p"),
            ]
        );
        assert_eq!(
            baggage.to_string(),
            "key1=value1;property1;p2 = x,key2=,key3=a=b;p"
        );
    }

    #[test]
    fn malformed_members_are_dropped_and_the_rest_kept() {
        let baggage = Baggage::parse("novalue,=x,a b=c,quote=\"x\",ok=1,\u{e9}=2,k=\u{e9},a=\\");
        let keys: Vec<_> = baggage.iter().map(BaggageMember::key).collect();
        assert_eq!(keys, ["ok"]);
    }

    #[test]
    fn percent_encoding_is_decoded_and_invalid_sequences_are_kept() {
        for (sent, read) in [
            ("%20%09", " \t"),
            ("%ff%C3", "\u{fffd}\u{fffd}"),
            ("%", "%"),
            ("100%+%4", "100%+%4"),
            ("%zz%41", "%zzA"),
            ("%e2%82%ac", "€"),
        ] {
            let baggage = Baggage::parse(&format!("k={sent}"));
            assert_eq!(baggage.get("k"), Some(read));
        }
    }

    #[test]
    fn the_last_value_of_a_repeated_key_counts() {
        let baggage = Baggage::parse("a=1,b=2,a=3");
        assert_eq!(baggage.to_string(), "a=3,b=2");
    }

    #[test]
    fn no_more_than_64_members_and_8192_bytes_are_sent() {
        let header: Vec<_> = (0..100).map(|at| format!("k{at}=v")).collect();
        let mut baggage = Baggage::parse(&header.join(","));
        assert_eq!(baggage.len(), 64);
        assert!(!baggage.insert("another", "v"));
        assert!(baggage.insert("k5", "x".repeat(8200)));
        let sent = Baggage::parse(&baggage.to_string());
        assert_eq!((sent.len(), sent.get("k5")), (63, None));
        let mut full = Baggage::default();
        full.insert("k", "x".repeat(Baggage::MAX_BYTES - 2));
        assert_eq!(full.to_string().len(), Baggage::MAX_BYTES);
    }

    #[test]
    fn a_key_that_is_not_a_token_is_rejected() {
        let mut baggage = Baggage::default();
        for key in ["", "a b", "a\r\nset-cookie: x", "a,b", "a=b", "é"] {
            assert!(!baggage.insert(key, "v"), "{key}");
        }
        assert!(baggage.is_empty());
    }
}
