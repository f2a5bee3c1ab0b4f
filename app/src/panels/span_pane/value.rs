//! One attribute with its value, to be read and to be copied.

use leptos::prelude::*;
use throughline_wire::AttributeValue;

use crate::ui::CopyButton;

/// From so many characters on, or over several lines, a value gets a block of its own.
const BLOCK_CHARS: usize = 160;

/// What people read of a value: text as it is, everything else as the native JSON.
pub(super) fn text_of(value: &AttributeValue) -> String {
    match value {
        AttributeValue::Str(text) => text.clone().into_owned(),
        AttributeValue::Array(_) | AttributeValue::Map(_) => {
            let line = serde_json::to_string(value).unwrap_or_default();
            if line.len() < BLOCK_CHARS {
                line
            } else {
                serde_json::to_string_pretty(value).unwrap_or(line)
            }
        }
        AttributeValue::Empty => "(empty)".to_owned(),
        _ => serde_json::to_string(value).unwrap_or_default(),
    }
}

/// A line of a definition list.
#[component]
pub(super) fn Pair(
    /// What is written on the left.
    label: String,
    /// The whole key.
    key: String,
    /// The value.
    value: AttributeValue,
) -> impl IntoView {
    let text = text_of(&value);
    let class = match value {
        AttributeValue::Int(_) | AttributeValue::Double(_) => "n",
        AttributeValue::Bool(_) | AttributeValue::Empty => "k",
        _ => "",
    };
    let is_block = text.contains('\n') || text.chars().nth(BLOCK_CHARS).is_some();
    view! {
        <div class="pair" class:block=is_block>
            <dt title=key.clone()>{label}</dt>
            <dd>
                <span class=class>{text.clone()}</span>
                <CopyButton text what=key />
            </dd>
        </div>
    }
    .into_any()
}
