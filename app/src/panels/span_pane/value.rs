//! One attribute with its value and a copy button.

use leptos::prelude::*;
use throughline_wire::AttributeValue;

use super::offloaded::{Look, OffloadedPayload, Whole};
use crate::ui::{CopyButton, visible};

/// The length from which a value gets its own block, in characters. A value of several lines always
/// does.
const BLOCK_CHARS: usize = 160;

/// Returns the readable text of a value, which is also copied. Text is unchanged, numbers have no
/// JSON wrapper, bytes are base64, arrays and maps are native JSON.
pub(super) fn text_of(value: &AttributeValue) -> String {
    match value {
        AttributeValue::Empty => "(empty)".to_owned(),
        AttributeValue::Str(text) => text.clone().into_owned(),
        AttributeValue::Int(number) => number.to_string(),
        AttributeValue::Array(_) | AttributeValue::Map(_) => {
            let line = serde_json::to_string(value).unwrap_or_default();
            if line.len() < BLOCK_CHARS {
                line
            } else {
                serde_json::to_string_pretty(value).unwrap_or(line)
            }
        }
        AttributeValue::Bool(_) | AttributeValue::Double(_) | AttributeValue::Bytes(_) => {
            let json = serde_json::to_value(value).unwrap_or_default();
            let wrapped = json.get("$double").or_else(|| json.get("$bytes"));
            match wrapped.and_then(serde_json::Value::as_str) {
                Some(text) => text.to_owned(),
                None => json.to_string(),
            }
        }
    }
}

/// A row of a definition list.
#[component]
pub(super) fn Pair(
    /// The label.
    label: String,
    /// The whole key.
    key: String,
    /// The value.
    value: AttributeValue,
    /// The offloaded payload, if `value` is only a preview.
    #[prop(optional_no_strip)]
    kept: Option<OffloadedPayload>,
) -> impl IntoView {
    let text = text_of(&value);
    if let Some(kept) = kept {
        return view! {
            <div class="pair block">
                <dt title=visible(&key)>{visible(&label)}</dt>
                <dd>
                    <Whole kept preview=text what=key look=Look::Text />
                </dd>
            </div>
        }
        .into_any();
    }
    let class = match value {
        AttributeValue::Int(_) | AttributeValue::Double(_) => "n",
        AttributeValue::Bool(_) | AttributeValue::Empty => "k",
        _ => "",
    };
    let is_block = text.contains('\n') || text.chars().nth(BLOCK_CHARS).is_some();
    view! {
        <div class="pair" class:block=is_block>
            <dt title=visible(&key)>{visible(&label)}</dt>
            <dd>
                <span class=class>{visible(&text)}</span>
                <CopyButton text what=key />
            </dd>
        </div>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_without_the_wrapping_of_json() {
        let texts = [
            AttributeValue::Int(i64::MAX),
            AttributeValue::Double(f64::NEG_INFINITY),
            AttributeValue::Double(0.1),
            AttributeValue::Bytes(vec![0, 255, 1]),
            AttributeValue::Bool(true),
            AttributeValue::Str("a\nb".into()),
            AttributeValue::Array(vec![AttributeValue::Int(1), AttributeValue::Empty]),
        ]
        .map(|value| text_of(&value));
        let expected = [
            "9223372036854775807",
            "-Infinity",
            "0.1",
            "AP8B",
            "true",
            "a\nb",
            "[1,null]",
        ];
        assert_eq!(texts, expected);
    }
}
