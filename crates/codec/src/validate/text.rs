//! Removes NUL from texts and limits their length.

use std::borrow::Cow;

use throughline_wire::limits::cut_name;

use super::{Limits, Notes, Repair};

/// The replacement for NUL, which Postgres refuses in text.
const SYMBOL_FOR_NUL: &str = "\u{2400}";

/// Replaces NUL. Returns true if there was one.
pub(super) fn replace_nul(text: &mut Cow<'static, str>, notes: &mut Notes) -> bool {
    let found = text.contains('\0');
    if found {
        notes.insert(Repair::ControlCharacters);
        *text = Cow::Owned(text.replace('\0', SYMBOL_FOR_NUL));
    }
    found
}

/// Cuts to `max` characters, the last one `…`. Returns true if the text was longer.
fn cut_chars(text: &mut Cow<'static, str>, max: usize) -> bool {
    let cut = match cut_name(text, max) {
        Cow::Borrowed(_) => return false,
        Cow::Owned(cut) => cut,
    };
    *text = Cow::Owned(cut);
    true
}

/// Returns the suffix of a cut value of `bytes` bytes; at most 64 bytes long.
pub(super) fn cut_suffix(bytes: usize) -> String {
    format!("… [cut: {bytes} bytes]")
}

/// Cuts to `max` bytes at a character boundary, with a suffix that states the true size. Returns
/// the number of bytes left of the original text.
pub(super) fn cut_bytes(text: &mut Cow<'static, str>, max: usize, true_size: usize) -> usize {
    let suffix = cut_suffix(true_size);
    let end = text.floor_char_boundary(max.saturating_sub(suffix.len()));
    *text = Cow::Owned(format!("{}{suffix}", &text[..end]));
    end
}

pub(super) fn repair_name(name: &mut Cow<'static, str>, limits: &Limits, notes: &mut Notes) {
    // Cut first to save work: replacing NUL does not change the number of characters.
    if cut_chars(name, limits.name_chars) {
        notes.insert(Repair::NameCut);
    }
    replace_nul(name, notes);
}

/// Returns true if the key was changed and may therefore equal another key.
pub(super) fn repair_key(key: &mut Cow<'static, str>, limits: &Limits, notes: &mut Notes) -> bool {
    let cut = cut_chars(key, limits.key_chars);
    if cut {
        notes.insert(Repair::KeyCut);
    }
    replace_nul(key, notes) || cut
}

pub(super) fn repair_value(text: &mut Cow<'static, str>, max_bytes: usize, notes: &mut Notes) {
    replace_nul(text, notes);
    if text.len() > max_bytes {
        let true_size = text.len();
        let kept = cut_bytes(text, max_bytes, true_size);
        notes.cut(true_size - kept);
    }
}
