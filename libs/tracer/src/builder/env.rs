//! The environment variables that override the settings in code.

use throughline_wire::semconv;

use super::TracerBuilder;
use crate::{BuildError, Mode};

impl TracerBuilder {
    /// Applies the variables that are set and not empty.
    pub(super) fn override_from(
        &mut self,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(), BuildError> {
        let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        if let Some(pairs) = set("OTEL_RESOURCE_ATTRIBUTES") {
            for (key, value) in pairs.split(',').filter_map(|pair| pair.split_once('=')) {
                self.resource
                    .insert(key.trim().to_owned(), decoded(value.trim()));
            }
        }
        if let Some(name) = set("OTEL_SERVICE_NAME") {
            self.resource.insert(semconv::SERVICE_NAME, name);
        }
        if let Some(endpoint) = set("THROUGHLINE_ENDPOINT") {
            self.endpoint = endpoint.into();
        }
        if let Some(key) = set("THROUGHLINE_KEY") {
            self.key = Some(key);
        }
        self.options.mode = mode(self.options.mode, set)?;
        Ok(())
    }
}

/// Returns the mode after applying the variables. A rate alone turns sampling on.
/// `TRACING_MODE=sampled` without a rate keeps the rate set in code, or records all.
fn mode(mode: Mode, set: impl Fn(&str) -> Option<String>) -> Result<Mode, BuildError> {
    let flag = |name: &'static str| match set(name).map(|word| word.trim().to_ascii_lowercase()) {
        None => Ok(None),
        Some(word) => match word.as_str() {
            "1" | "true" | "on" | "yes" => Ok(Some(true)),
            "0" | "false" | "off" | "no" => Ok(Some(false)),
            _ => Err(BuildError::Variable { name, value: word }),
        },
    };
    if flag("OTEL_SDK_DISABLED")? == Some(true) || flag("TRACING_ENABLED")? == Some(false) {
        return Ok(Mode::Off);
    }
    let rate = match set("TRACING_SAMPLE_RATE") {
        None => None,
        Some(text) => match text.trim().parse::<f64>() {
            Ok(rate) if (0.0..=1.0).contains(&rate) => Some(rate),
            _ => return Err(BuildError::SampleRate(text)),
        },
    };
    let fallback = match mode {
        Mode::Sampled(rate) => rate,
        Mode::Off | Mode::Dev => 1.0,
    };
    let sampled = Mode::Sampled(rate.unwrap_or(fallback));
    match set("TRACING_MODE") {
        None if rate.is_some() && mode != Mode::Off => Ok(sampled),
        None => Ok(mode),
        Some(word) => match word.trim().to_ascii_lowercase().as_str() {
            "off" => Ok(Mode::Off),
            "dev" => Ok(Mode::Dev),
            "sampled" => Ok(sampled),
            _ => Err(BuildError::Variable {
                name: "TRACING_MODE",
                value: word,
            }),
        },
    }
}

/// Decodes percent-encoding (resource SDK specification, "Specifying resource information via an
/// environment variable"). Leaves a badly encoded text as it is.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = text.get(at + 1..at + 3).filter(|_| byte == b'%');
        if let Some(byte) = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            plain.push(byte);
            at += 3;
        } else {
            plain.push(byte);
            at += 1;
        }
    }
    String::from_utf8(plain).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(code: Mode, variables: &[(&str, &str)]) -> Result<Mode, BuildError> {
        mode(code, |name| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn environment_variables_set_mode_and_sample_rate() {
        let share = Mode::Sampled(0.1);
        for (code, variables, expected) in [
            (Mode::Dev, &[][..], Mode::Dev),
            (Mode::Dev, &[("TRACING_MODE", "off")], Mode::Off),
            (Mode::Off, &[("TRACING_MODE", "dev")], Mode::Dev),
            (Mode::Dev, &[("TRACING_ENABLED", "false")], Mode::Off),
            (Mode::Dev, &[("OTEL_SDK_DISABLED", "TRUE")], Mode::Off),
            (Mode::Dev, &[("TRACING_SAMPLE_RATE", "0.1")], share),
            (share, &[("TRACING_MODE", "sampled")], share),
            (
                Mode::Dev,
                &[("TRACING_MODE", "sampled")],
                Mode::Sampled(1.0),
            ),
            (
                Mode::Dev,
                &[("TRACING_MODE", "dev"), ("TRACING_SAMPLE_RATE", "0.1")],
                Mode::Dev,
            ),
        ] {
            let mode = read(code, variables).expect("readable");
            assert_eq!(mode, expected, "{code:?} {variables:?}");
        }
    }

    #[test]
    fn an_invalid_value_is_an_error_that_names_the_variable() {
        for (name, value) in [
            ("TRACING_MODE", "perhaps"),
            ("TRACING_ENABLED", "2"),
            ("TRACING_SAMPLE_RATE", "1.5"),
            ("TRACING_SAMPLE_RATE", "NaN"),
        ] {
            let error = read(Mode::Dev, &[(name, value)]).expect_err("not readable");
            assert!(error.to_string().contains(name), "{error}");
        }
    }

    #[test]
    fn the_environment_overrides_the_code() {
        let mut builder = TracerBuilder::new("code".into())
            .endpoint("http://code")
            .key("code");
        let variable = |name: &str| {
            let value = match name {
                "OTEL_SERVICE_NAME" => "shop",
                "OTEL_RESOURCE_ATTRIBUTES" => "service.name=other, service.version=1%2E2,broken",
                "THROUGHLINE_ENDPOINT" => "http://collector",
                "THROUGHLINE_KEY" => " ",
                _ => return None,
            };
            Some(value.to_owned())
        };
        builder.override_from(&variable).expect("readable");
        assert_eq!(builder.endpoint, "http://collector");
        assert_eq!(builder.key.as_deref(), Some("code"), "blank is not set");
        let text = |key| builder.resource.get_str(key);
        assert_eq!(text(semconv::SERVICE_NAME), Some("shop"));
        assert_eq!(text(semconv::SERVICE_VERSION), Some("1.2"));
    }

    #[test]
    fn resource_attributes_are_percent_decoded() {
        assert_eq!(decoded("a%20b%2Cc%"), "a b,c%");
        assert_eq!(decoded("%ff"), "%ff");
        assert_eq!(decoded("ä%é"), "ä%é");
    }
}
