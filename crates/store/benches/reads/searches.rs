//! The span searches of the benchmark. They use predicates that no filter of the list can express
//! yet.

use throughline_model::{
    AttributeOwner, CheckedPredicate, Comparison, Direction, PageRequest, SearchValue, SpanField,
    SpanPredicate, TimeRange, TracePredicate,
};
use throughline_store::Store;
use throughline_store::testing::search;
use throughline_wire::{UnixNanos, semconv};

/// The number of result pages that a search reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    FirstPage,
    /// All pages, with 1,000 traces each, until the search reaches the end of the range.
    WholeRange,
}

/// A span search.
pub(crate) struct Search {
    pub name: &'static str,
    /// The figure of `cargo xtask bench`. It is the slowest search with this name.
    pub figure: &'static str,
    pub extent: Extent,
    predicate: CheckedPredicate,
}

impl Search {
    fn new(
        name: &'static str,
        figure: &'static str,
        extent: Extent,
        (key, operator, value): (&str, Comparison, SearchValue),
    ) -> Self {
        let field = SpanField::Attribute {
            owner: AttributeOwner::Span,
            key: key.to_owned(),
        };
        let predicate = TracePredicate::Has(SpanPredicate::compare(field, operator, value));
        Self {
            name,
            figure,
            extent,
            predicate: CheckedPredicate::new(predicate).expect("is within the limits"),
        }
    }

    pub(crate) async fn run(&self, store: &Store) {
        let range = TimeRange::Last(8 * UnixNanos::PER_DAY);
        let mut page = PageRequest::default();
        if self.extent == Extent::WholeRange {
            page.limit = 1_000;
        }
        loop {
            let answer = search(store, &self.predicate, range, page)
                .await
                .expect("searches");
            let Some(after) = answer.after else { return };
            if self.extent == Extent::FirstPage && !answer.items.is_empty() {
                return;
            }
            page.from = Some((Direction::After, after));
        }
    }
}

/// Returns every kind of search: for a value that one trace has, for a value that no trace has, and
/// searches that the filters of blocks cannot help.
pub(crate) fn searches() -> Vec<Search> {
    let of_one = || {
        let one = SearchValue::from("request-00000001-4711");
        (semconv::REQUEST_ID, Comparison::Eq, one)
    };
    let of_none = ("shop.order", Comparison::Eq, "no such order".into());
    let mut searches = vec![
        Search::new(
            "attribute of one trace",
            "S4.eq",
            Extent::WholeRange,
            of_one(),
        ),
        Search::new(
            "attribute of no trace",
            "S4.eq",
            Extent::WholeRange,
            of_none,
        ),
    ];
    let scanned: [(&str, &str, (&str, Comparison, SearchValue)); 3] = [
        (
            "contains, first page",
            "contains, whole range",
            (semconv::REQUEST_ID, Comparison::Contains, "-47".into()),
        ),
        (
            "regular expression, first page",
            "regular expression, whole range",
            (
                semconv::REQUEST_ID,
                Comparison::Matches,
                "-4[0-9]*7$".into(),
            ),
        ),
        (
            "number, first page",
            "number, whole range",
            (
                semconv::HTTP_RESPONSE_STATUS_CODE,
                Comparison::Greater,
                499_i64.into(),
            ),
        ),
    ];
    for (first, whole, (key, operator, value)) in scanned {
        let condition = (key, operator, value.clone());
        searches.push(Search::new(first, "S4.first", Extent::FirstPage, condition));
        let condition = (key, operator, value);
        searches.push(Search::new(
            whole,
            "S4.whole",
            Extent::WholeRange,
            condition,
        ));
    }
    searches
}
