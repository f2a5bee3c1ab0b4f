//! A bounded set of spans that drops its oldest entry when it is full.

use std::collections::VecDeque;

use crate::ids::{SpanKey, SpanKeys};

#[derive(Debug)]
pub(super) struct Recent {
    known: SpanKeys,
    oldest_first: VecDeque<SpanKey>,
    most: usize,
}

impl Recent {
    pub(super) fn new(most: usize) -> Self {
        Self {
            known: SpanKeys::default(),
            oldest_first: VecDeque::new(),
            most,
        }
    }

    pub(super) fn insert(&mut self, span: SpanKey) {
        if self.known.insert(span) {
            self.oldest_first.push_back(span);
        }
        if self.oldest_first.len() > self.most
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    pub(super) fn contains(&self, span: SpanKey) -> bool {
        self.known.contains(&span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_spans_are_remembered_up_to_the_limit() {
        let mut recent = Recent::new(10);
        for id in 0..15 {
            recent.insert(([0; 16], id));
            recent.insert(([0; 16], id));
        }
        assert_eq!((recent.known.len(), recent.oldest_first.len()), (10, 10));
        assert!(!recent.contains(([0; 16], 4)) && recent.contains(([0; 16], 5)));
        assert!(!recent.contains(([1; 16], 5)));
    }
}
