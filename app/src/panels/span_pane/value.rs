//! One attribute with its value and a copy button.

use leptos::prelude::*;
use throughline_wire::AttributeValue;

use super::offloaded::{Look, OffloadedPayload, Whole};
use super::value_text::{BLOCK_CHARS, text_of};
use crate::ui::{CopyButton, visible};

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
