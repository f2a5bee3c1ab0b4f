//! Formats the completeness of a trace as a sentence.

use core::fmt;

use super::{Completeness, CompletenessState};
use crate::Utc;

/// Formats a count: `1 span`, `2 spans`.
fn spans(count: u64) -> String {
    format!("{count} span{}", if count == 1 { "" } else { "s" })
}

/// Formats the completeness as a sentence: `42 of 42 spans, 0 bytes cut`.
impl fmt::Display for Completeness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if self.state == CompletenessState::Complete {
            parts.push(format!("{} of {}", self.spans, spans(self.spans)));
        }
        for (service, count) in &self.running {
            parts.push(format!("{} still running in {service}", spans(*count)));
        }
        for (service, count) in &self.abandoned {
            parts.push(format!(
                "{} did not end before {service} did",
                spans(*count)
            ));
        }
        if self.lost > 0 {
            parts.push(format!("{} lost", spans(self.lost)));
        }
        if self.dropped > 0 {
            let reasons: Vec<_> = self.drop_reasons.iter().map(String::as_str).collect();
            let reasons = reasons.join(", ").replace('_', " ");
            parts.push(format!(
                "{} dropped by the sender: {reasons}",
                spans(self.dropped)
            ));
        }
        if self.sampled > 0 {
            parts.push(format!("{} left out by sampling", spans(self.sampled)));
        }
        if self.rejected > 0 {
            parts.push(format!("{} refused by the server", spans(self.rejected)));
        }
        if self.too_large > 0 {
            parts.push(format!(
                "{} of them beyond the most a trace may have",
                self.too_large
            ));
        }
        if let Some(before) = self.pruned_before {
            let day = Utc::from(before).date();
            parts.push(format!(
                "what began before {day} (UTC) was removed for lack of space"
            ));
        }
        if self.absent_parents > 0 {
            parts.push(format!(
                "{} named as a parent and not received",
                spans(self.absent_parents)
            ));
        }
        if self.absent_parents > 0 {
            let dropped = self.dropped_meanwhile.iter();
            parts.extend(dropped.map(|dropped| format!("meanwhile {dropped}")));
        }
        if self.under_way > 0 {
            parts.push(format!("{} may be under way", spans(self.under_way)));
        }
        if !self.unnumbered.is_empty() {
            let services: Vec<_> = self.unnumbered.iter().map(String::as_str).collect();
            let verb = if services.len() == 1 {
                "does not number its"
            } else {
                "do not number their"
            };
            parts.push(format!("unknown: {} {verb} spans", services.join(", ")));
        }
        if self.is_forgotten {
            parts.push("unknown: too many gaps since to remember those of this trace".to_owned());
        }
        if self.cut_bytes > 0 || self.state == CompletenessState::Complete {
            parts.push(format!("{} bytes cut", self.cut_bytes));
        }
        f.write_str(&parts.join(", "))
    }
}
