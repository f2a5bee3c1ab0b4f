//! Numbers to compare with, integers and doubles exactly.

use core::cmp::Ordering;

use throughline_model::Comparison;

/// A number to compare with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Integer(i64),
    Double(f64),
}

impl Number {
    /// Returns whether an integer compares with it in this way.
    pub(super) fn is(self, operator: Comparison, number: i64) -> bool {
        is_ordered(operator, self.cmp_integer(number))
    }

    /// Returns how an integer compares with it; none where it is no number.
    pub(super) fn cmp_integer(self, number: i64) -> Option<Ordering> {
        match self {
            Self::Integer(wanted) => Some(number.cmp(&wanted)),
            Self::Double(wanted) => compare(number, wanted),
        }
    }

    /// Returns how a double compares with it; none where one of them is no number.
    pub(super) fn cmp_double(self, number: f64) -> Option<Ordering> {
        match self {
            Self::Integer(wanted) => compare(wanted, number).map(Ordering::reverse),
            Self::Double(wanted) => number.partial_cmp(&wanted),
        }
    }
}

/// Compares an integer with a double exactly.
fn compare(integer: i64, double: f64) -> Option<Ordering> {
    const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
    if double.is_nan() {
        return None;
    }
    if double >= TWO_TO_63 {
        return Some(Ordering::Less);
    }
    if double < -TWO_TO_63 {
        return Some(Ordering::Greater);
    }
    let whole = double.trunc();
    let fraction = 0.0.partial_cmp(&(double - whole))?;
    Some(integer.cmp(&(whole as i64)).then(fraction))
}

/// Returns whether an order is the one that is asked for.
pub(super) fn is_ordered(operator: Comparison, ordering: Option<Ordering>) -> bool {
    match operator {
        Comparison::Eq => ordering == Some(Ordering::Equal),
        Comparison::Less => ordering == Some(Ordering::Less),
        Comparison::LessEq => ordering.is_some_and(Ordering::is_le),
        Comparison::Greater => ordering == Some(Ordering::Greater),
        Comparison::GreaterEq => ordering.is_some_and(Ordering::is_ge),
        _ => false,
    }
}
