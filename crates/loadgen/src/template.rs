//! Templates of request bodies, in which ids and times are overwritten.

use super::plan::Identity;

/// The number of digits of an instant in ns between the years 2001 and 2286.
pub(super) const INSTANT_DIGITS: usize = 19;

/// A field of a template that differs from request to request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    Trace,
    Span,
    Parent,
    Start,
    End,
}

/// The position of a field in a template. `span` is the index of its span in the request.
#[derive(Debug, Clone, Copy)]
pub(super) struct TemplateField {
    pub(super) offset: usize,
    pub(super) span: u32,
    pub(super) field: Field,
}

/// A body with placeholders for ids and times.
#[derive(Debug, Default, Clone)]
pub(super) struct Template {
    pub(super) bytes: Vec<u8>,
    pub(super) marks: Vec<TemplateField>,
}

impl Template {
    /// Appends the content of another template.
    pub(super) fn append(&mut self, other: &Self) {
        let shift = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        self.marks
            .extend(other.marks.iter().map(|mark| TemplateField {
                offset: mark.offset + shift,
                ..*mark
            }));
    }

    /// Appends a placeholder of `width` bytes for a field.
    pub(super) fn leave(&mut self, field: Field, span: u32, width: usize, filler: u8) {
        let offset = self.bytes.len();
        self.marks.push(TemplateField {
            offset,
            span,
            field,
        });
        self.bytes.resize(offset + width, filler);
    }

    /// Returns the bytes with the fields of each span overwritten.
    pub(super) fn fill(&self, is_text: bool, identity: impl Fn(u32) -> Identity) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        for marks in self.marks.chunk_by(|a, b| a.span == b.span) {
            let identity = identity(marks[0].span);
            for mark in marks {
                let at = &mut bytes[mark.offset..];
                if is_text {
                    put_text(at, mark.field, &identity);
                } else {
                    put_binary(at, mark.field, &identity);
                }
            }
        }
        bytes
    }
}

fn put_binary(at: &mut [u8], field: Field, identity: &Identity) {
    let mut put = |bytes: &[u8]| at[..bytes.len()].copy_from_slice(bytes);
    match field {
        Field::Trace => put(&identity.trace_id.to_be_bytes()),
        Field::Span => put(&identity.span_id.to_be_bytes()),
        Field::Parent => put(&identity.parent_id.to_be_bytes()),
        Field::Start => put(&identity.start_ns.to_le_bytes()),
        Field::End => put(&identity.end_ns.to_le_bytes()),
    }
}

fn put_text(at: &mut [u8], field: Field, identity: &Identity) {
    match field {
        Field::Trace => put_hex(&mut at[..32], identity.trace_id),
        Field::Span => put_hex(&mut at[..16], identity.span_id.into()),
        Field::Parent => put_hex(&mut at[..16], identity.parent_id.into()),
        Field::Start => put_decimal(&mut at[..INSTANT_DIGITS], identity.start_ns.unsigned_abs()),
        Field::End => put_decimal(&mut at[..INSTANT_DIGITS], identity.end_ns.unsigned_abs()),
    }
}

fn put_hex(at: &mut [u8], mut number: u128) {
    for digit in at.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number & 15) as usize];
        number >>= 4;
    }
}

fn put_decimal(at: &mut [u8], mut number: u64) {
    for digit in at.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}
