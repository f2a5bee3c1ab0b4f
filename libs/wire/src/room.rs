//! How many values one request may make: twenty megabytes of `{},{},{}` are seven million of them.
//!
//! What a value costs in memory has little to do with what it costs in a body, so decoders ask here
//! for every attribute, event, link and item of an array or a map. Where there is no more room, the
//! rest is counted and left out, and a text that says so, [`cut_text`], ends what was cut;
//! validation finds it there and marks it.
//!
//! The room is the thread's and not an argument, because derived readers take none; decoding never
//! leaves its thread.

use core::cell::Cell;
use core::marker::PhantomData;
use std::borrow::Cow;

use serde::de::{self, Deserialize, IgnoredAny, SeqAccess};

use crate::{AttributeValue, Attributes};

/// Most attributes, events, links and items of values of one request.
pub const REQUEST_VALUES: usize = 1 << 20;
/// Most items of one value, nested ones among them: as many numbers as fit into 1 MiB.
pub const VALUE_ITEMS: usize = 1 << 17;
/// Most events, and most links, that are read of one span; the rest is counted.
pub const LIST_ITEMS: usize = 1024;

/// Most pairs that are read of one set of attributes: far more than are kept, because keys may repeat.
pub const SET_PAIRS: usize = 1 << 14;

/// The key under which a map, or a set of attributes, says that entries were left out.
pub const CUT_KEY: &str = "…";
const CUT_BEFORE: &str = "… [cut: ";
/// What ends the text of [`cut_text`].
pub const CUT_AFTER: &str = " values]";

/// What [`REQUEST`] is never below outside a room.
const UNBOUNDED: usize = usize::MAX / 2;

thread_local! {
    static REQUEST: Cell<usize> = const { Cell::new(usize::MAX) };
    static VALUE: Cell<usize> = const { Cell::new(usize::MAX) };
    static HAS_CUT: Cell<bool> = const { Cell::new(false) };
}

/// The room of one request, until it is dropped; without one there is room for anything.
#[derive(Debug)]
pub struct Room {
    before: usize,
    /// Not to be sent to another thread.
    here: PhantomData<*const ()>,
}

impl Room {
    /// Begins a request.
    #[must_use]
    pub fn of_request() -> Self {
        Self::of(REQUEST_VALUES)
    }

    /// Begins a request with room for so many values.
    #[must_use]
    pub fn of(values: usize) -> Self {
        HAS_CUT.set(false);
        Self {
            before: REQUEST.replace(values),
            here: PhantomData,
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        REQUEST.set(self.before);
    }
}

/// Whether there is room for one more attribute, event or link.
pub fn take() -> bool {
    take_from(&REQUEST)
}

/// Whether there is room for one more item of the value that is being read.
pub fn take_item() -> bool {
    VALUE.get() > 0 && take() && take_from(&VALUE)
}

/// Whether the request has used up its room.
pub fn is_used_up() -> bool {
    REQUEST.get() == 0
}

/// Begins the value of an attribute, or a body. What is read without a room was bounded when it was
/// sent.
pub fn begin_value() {
    let is_bounded = REQUEST.get() < UNBOUNDED;
    VALUE.set(if is_bounded { VALUE_ITEMS } else { usize::MAX });
}

/// Whether the last room of this thread was too small for something: only then a text of
/// [`cut_text`] may be the decoder's and not the sender's.
pub fn has_cut() -> bool {
    HAS_CUT.get()
}

fn take_from(room: &'static std::thread::LocalKey<Cell<usize>>) -> bool {
    match room.get() {
        0 => false,
        left => {
            room.set(left - 1);
            true
        }
    }
}

/// What ends a value, or a set of attributes, of which so many parts were left out.
pub fn cut_text(values: usize) -> AttributeValue {
    HAS_CUT.set(true);
    format!("{CUT_BEFORE}{values}{CUT_AFTER}").into()
}

/// How many parts a text says were left out, when it is one of [`cut_text`].
pub fn cut_values(text: &str) -> Option<usize> {
    let number = text.strip_prefix(CUT_BEFORE)?.strip_suffix(CUT_AFTER)?;
    number.parse().ok()
}

/// Attributes as they are read, as far as there is room.
#[derive(Debug, Default)]
pub struct Pairs {
    list: Vec<(Cow<'static, str>, AttributeValue)>,
    cut: usize,
}

impl Pairs {
    /// Whether the set takes more pairs, whatever room there is.
    pub fn is_open(&self) -> bool {
        self.list.len() < SET_PAIRS
    }

    /// Adds a pair, for which the caller has found room.
    pub fn push(&mut self, key: Cow<'static, str>, value: AttributeValue) {
        self.list.push((key, value));
    }

    /// Counts a pair that is left out.
    pub const fn cut(&mut self) {
        self.cut += 1;
    }

    /// The attributes; of a key set twice the last value, and what was cut.
    pub fn finish(self) -> Attributes {
        let mut attributes = Attributes::from_pairs(self.list);
        if self.cut > 0 {
            attributes.insert(CUT_KEY, cut_text(self.cut));
        }
        attributes
    }
}

/// The first items of a list, and how many it has beyond them.
///
/// Holds at most [`LIST_ITEMS`], and fewer when the request has no more room.
///
/// # Errors
/// Those of its items.
pub fn first_items<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(
    mut seq: A,
) -> Result<(Vec<T>, usize), A::Error> {
    let mut items = Vec::new();
    while items.len() < LIST_ITEMS && !is_used_up() {
        match seq.next_element()? {
            Some(item) => items.push(item),
            None => return Ok((items, 0)),
        }
        take();
    }
    Ok((items, skip_rest(seq)?))
}

/// Passes over the rest of a list; how many items that were.
///
/// # Errors
/// When it is not well-formed.
pub fn skip_rest<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<usize, A::Error> {
    let mut skipped = 0;
    while seq.next_element::<IgnoredAny>()?.is_some() {
        skipped += 1;
    }
    Ok(skipped)
}

/// Reads a list as `Vec` does, but its first items only.
///
/// # Errors
/// Those of its items.
pub fn first<'de, D: de::Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    struct First<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> de::Visitor<'de> for First<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            f.write_str("a sequence")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Vec<T>, A::Error> {
            first_items(seq).map(|(items, _)| items)
        }
    }

    deserializer.deserialize_seq(First(PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_room_of_a_request_ends_with_it() {
        {
            let _room = Room::of(1);
            assert!(take());
            assert!(!take() && !take_item() && is_used_up());
        }
        assert!(take() && !is_used_up());
    }

    #[test]
    fn a_value_has_room_of_its_own() {
        let _room = Room::of(REQUEST_VALUES);
        begin_value();
        assert_eq!(
            (0..=VALUE_ITEMS).filter(|_| take_item()).count(),
            VALUE_ITEMS
        );
        begin_value();
        assert!(take_item());
    }

    #[test]
    fn what_is_stored_is_read_whole() {
        begin_value();
        assert!((0..=2 * VALUE_ITEMS).all(|_| take_item()));
    }

    #[test]
    fn a_text_that_says_how_much_was_cut_is_read_back() {
        let text = cut_text(12);
        assert_eq!(text.as_str(), Some("… [cut: 12 values]"));
        assert_eq!(text.as_str().and_then(cut_values), Some(12));
        assert_eq!(cut_values("… [cut: 12 bytes]"), None);
    }
}
