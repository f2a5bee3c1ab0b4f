//! Names of the elements that a person acts on: from `data-trace`, else tag and id or role, never
//! from text.

/// The attributes of an element that may be recorded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Element {
    /// The value of `data-trace`. Empty if absent.
    pub(crate) trace: String,
    /// The tag in lower case.
    pub(crate) tag: String,
    /// The value of `id`. Empty if absent.
    pub(crate) id: String,
    /// The value of `role`. Empty if absent.
    pub(crate) role: String,
}

/// The limit of a name, in characters. The rest is cut off.
const MAX_CHARS: usize = 80;

impl Element {
    /// Returns the label of the element: `buy`, `button#buy-42`, `div[menuitem]`, `a`.
    pub(crate) fn label(&self) -> String {
        let label = if !self.trace.trim().is_empty() {
            self.trace.trim().to_owned()
        } else if !self.id.is_empty() {
            format!("{}#{}", self.tag, self.id)
        } else if !self.role.is_empty() {
            format!("{}[{}]", self.tag, self.role)
        } else {
            self.tag.clone()
        };
        label.chars().take(MAX_CHARS).collect()
    }

    /// Returns the span name: the action and the label. Numbers in an id are replaced to keep the
    /// number of distinct names low: `click button#buy-{n}`.
    pub(crate) fn span_name(&self, action: &str) -> String {
        let label = self.label();
        if !self.trace.trim().is_empty() {
            return format!("{action} {label}");
        }
        let mut name = format!("{action} ");
        let mut in_number = false;
        for character in label.chars() {
            let digit = character.is_ascii_digit();
            if !digit {
                name.push(character);
            } else if !in_number {
                name.push_str("{n}");
            }
            in_number = digit;
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(trace: &str, tag: &str, id: &str, role: &str) -> Element {
        Element {
            trace: trace.to_owned(),
            tag: tag.to_owned(),
            id: id.to_owned(),
            role: role.to_owned(),
        }
    }

    #[test]
    fn an_element_is_named_by_data_trace_id_role_or_tag_in_this_order() {
        let name = |element: Element| element.span_name("click");
        assert_eq!(
            name(element("Place order", "button", "go", "")),
            "click Place order"
        );
        assert_eq!(
            name(element(" ", "button", "buy-42", "x")),
            "click button#buy-{n}"
        );
        assert_eq!(
            name(element("", "div", "", "menuitem")),
            "click div[menuitem]"
        );
        assert_eq!(name(element("", "a", "", "")), "click a");
    }

    #[test]
    fn a_label_keeps_the_id_and_is_truncated() {
        assert_eq!(element("", "a", "item-7", "").label(), "a#item-7");
        assert_eq!(
            element(&"é".repeat(500), "a", "", "")
                .label()
                .chars()
                .count(),
            MAX_CHARS
        );
    }
}
