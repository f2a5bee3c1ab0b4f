//! The latest of many ids: a set that forgets its oldest when it is full.

use std::collections::VecDeque;

use crate::ids::IdSet;

#[derive(Debug)]
pub(super) struct Recent {
    known: IdSet,
    oldest_first: VecDeque<i64>,
    most: usize,
}

impl Recent {
    pub(super) fn new(most: usize) -> Self {
        Self {
            known: IdSet::default(),
            oldest_first: VecDeque::new(),
            most,
        }
    }

    pub(super) fn insert(&mut self, id: i64) {
        if self.known.insert(id) {
            self.oldest_first.push_back(id);
        }
        if self.oldest_first.len() > self.most
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    pub(super) fn contains(&self, id: i64) -> bool {
        self.known.contains(&id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_remembers_the_latest_and_no_more_than_it_may() {
        let mut recent = Recent::new(10);
        for id in 0..15 {
            recent.insert(id);
            recent.insert(id);
        }
        assert_eq!((recent.known.len(), recent.oldest_first.len()), (10, 10));
        assert!(!recent.contains(4) && recent.contains(5));
    }
}
