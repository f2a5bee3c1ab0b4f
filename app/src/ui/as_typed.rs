//! A field property that keeps the text that a user typed.

use js_sys::Reflect;
use leptos::prelude::document;
use leptos::tachys::html::property::IntoProperty;
use leptos::tachys::renderer::types::Element;
use leptos::wasm_bindgen::JsValue;

/// A property of a field, such as `prop:value` or `prop:selected`, that follows its signal from the
/// first change on. It does not overwrite the value at hydration: the server rendered the field by
/// an attribute, so a different value was typed or chosen before hydration. A change of the signal
/// does not overwrite a text that is being typed: the field has the focus, and its value is not the
/// last one of the signal.
#[derive(Debug, Clone)]
pub(crate) struct AsTyped<T>(pub(crate) T);

impl<T> IntoProperty for AsTyped<T>
where
    T: IntoProperty<State = (Element, JsValue)> + Into<JsValue>,
{
    type State = T::State;
    type Cloneable = T::Cloneable;
    type CloneableOwned = T::CloneableOwned;

    fn hydrate<const FROM_SERVER: bool>(self, field: &Element, _key: &str) -> Self::State {
        (field.clone(), self.0.into())
    }

    fn build(self, field: &Element, key: &str) -> Self::State {
        self.0.build(field, key)
    }

    fn rebuild(self, state: &mut Self::State, key: &str) {
        let (field, last) = state;
        let has_focus = || document().active_element().as_ref() == Some(&*field);
        let shown = Reflect::get(field, &JsValue::from_str(key));
        if shown.is_ok_and(|shown| shown != *last) && has_focus() {
            *last = self.0.into();
        } else {
            self.0.rebuild(state, key);
        }
    }

    fn into_cloneable(self) -> Self::Cloneable {
        self.0.into_cloneable()
    }

    fn into_cloneable_owned(self) -> Self::CloneableOwned {
        self.0.into_cloneable_owned()
    }
}
