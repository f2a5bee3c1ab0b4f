//! Compares integers and doubles exactly.

use core::cmp::Ordering;

use throughline_model::Comparison;

/// The number of a comparison.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    Integer(i64),
    Double(f64),
}

impl Number {
    /// Returns true if an integer compares with this number by the operator.
    pub(super) fn is(self, operator: Comparison, number: i64) -> bool {
        is_ordered(operator, self.cmp_integer(number))
    }

    /// Returns the order of an integer relative to this number. Returns `None` if this number is
    /// NaN.
    pub(super) fn cmp_integer(self, number: i64) -> Option<Ordering> {
        match self {
            Self::Integer(wanted) => Some(number.cmp(&wanted)),
            Self::Double(wanted) => compare(number, wanted),
        }
    }

    /// Returns the order of a double relative to this number. Returns `None` if one of them is NaN.
    pub(super) fn cmp_double(self, number: f64) -> Option<Ordering> {
        match self {
            Self::Integer(wanted) => compare(wanted, number).map(Ordering::reverse),
            Self::Double(wanted) => number.partial_cmp(&wanted),
        }
    }
}

/// Compares an integer with a double exactly, without rounding the integer.
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

/// Returns true if an order satisfies the operator.
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
