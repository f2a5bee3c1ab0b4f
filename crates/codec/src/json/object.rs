//! Reads objects within the budget.

/// Declares a struct that is read from a JSON object, like `#[derive(Deserialize)]`, but within the
/// budget of the request.
///
/// Each field names its key and any alternative keys. A missing field gets its default value; a
/// missing `required` field is an error. Unknown keys are ignored. Of a repeated key
/// the last value counts.
///
/// ```
/// use throughline_codec::context::DecodeContext;
/// use throughline_codec::json::{self, FirstItems};
///
/// throughline_codec::json_struct! {
///     /// A shelf.
///     struct Shelf: "a shelf object" {
///         name: String = "name", required;
///         books: FirstItems<String> = "books" | "volumes";
///     }
/// }
///
/// let mut context = DecodeContext::for_request();
/// let shelf: Shelf = json::parse(r#"{"name": "poems", "volumes": ["one", "two"]}"#, &mut context)?;
/// assert_eq!((shelf.name.as_str(), shelf.books.items.len()), ("poems", 2));
/// assert!(json::parse::<Shelf>("{}", &mut context).is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[macro_export]
macro_rules! json_struct {
    (
        $(#[$meta:meta])*
        $vis:vis struct $name:ident: $expecting:literal {
            $(
                $(#[$field_meta:meta])*
                $field_vis:vis $field:ident: $type:ty = $key:literal $(| $alias:literal)* $(, $mode:ident)?;
            )+
        }
    ) => {
        $(#[$meta])*
        $vis struct $name {
            $($(#[$field_meta])* $field_vis $field: $type,)+
        }

        impl<'de> $crate::json::ReadJson<'de> for $name {
            fn read_json<D: $crate::json::serde::Deserializer<'de>>(
                deserializer: D,
                context: &mut $crate::context::DecodeContext,
            ) -> ::core::result::Result<Self, D::Error> {
                use $crate::json::serde::de::{IgnoredAny, MapAccess, Visitor};

                #[expect(non_camel_case_types, reason = "they are the names of the fields")]
                enum Key {
                    $($field,)+
                    __Unknown,
                }

                impl<'de> $crate::json::serde::Deserialize<'de> for Key {
                    fn deserialize<D: $crate::json::serde::Deserializer<'de>>(
                        deserializer: D,
                    ) -> ::core::result::Result<Self, D::Error> {
                        struct Keys;

                        impl Visitor<'_> for Keys {
                            type Value = Key;

                            fn expecting(
                                &self,
                                f: &mut ::core::fmt::Formatter<'_>,
                            ) -> ::core::fmt::Result {
                                f.write_str("a key")
                            }

                            fn visit_str<E: $crate::json::serde::de::Error>(
                                self,
                                key: &str,
                            ) -> ::core::result::Result<Key, E> {
                                Ok(match key {
                                    $($key $(| $alias)* => Key::$field,)+
                                    _ => Key::__Unknown,
                                })
                            }
                        }

                        deserializer.deserialize_identifier(Keys)
                    }
                }

                struct Fields<'c>(&'c mut $crate::context::DecodeContext);

                impl<'de> Visitor<'de> for Fields<'_> {
                    type Value = $name;

                    fn expecting(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                        f.write_str($expecting)
                    }

                    fn visit_map<A: MapAccess<'de>>(
                        self,
                        mut map: A,
                    ) -> ::core::result::Result<$name, A::Error> {
                        $(let mut $field: Option<$type> = None;)+
                        while let Some(key) = map.next_key::<Key>()? {
                            match key {
                                $(Key::$field => {
                                    if $field.is_some() {
                                        self.0.repair_unreadable();
                                    }
                                    let seed = $crate::json::Seed::new(&mut *self.0);
                                    $field = Some(map.next_value_seed(seed)?);
                                })+
                                Key::__Unknown => {
                                    map.next_value::<IgnoredAny>()?;
                                }
                            }
                        }
                        Ok($name {
                            $($field: $crate::json_struct!(@value A, $field, $key $(, $mode)?),)+
                        })
                    }
                }

                deserializer.deserialize_map(Fields(context))
            }
        }
    };
    (@value $access:ident, $field:ident, $key:literal) => {
        $field.unwrap_or_default()
    };
    (@value $access:ident, $field:ident, $key:literal, required) => {
        $field.ok_or_else(|| <$access::Error as $crate::json::serde::de::Error>::missing_field($key))?
    };
}
