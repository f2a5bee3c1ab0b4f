//! A field property that keeps the text typed before hydration.

use leptos::tachys::html::property::IntoProperty;
use leptos::tachys::renderer::types::Element;
use leptos::wasm_bindgen::JsValue;

/// A property of a field, such as `prop:value` or `prop:selected`, that follows its signal from the
/// first change on. It does not overwrite the value at hydration: the server rendered the field by
/// an attribute, so a different value was typed or chosen before hydration.
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
        self.0.rebuild(state, key);
    }

    fn into_cloneable(self) -> Self::Cloneable {
        self.0.into_cloneable()
    }

    fn into_cloneable_owned(self) -> Self::CloneableOwned {
        self.0.into_cloneable_owned()
    }
}
