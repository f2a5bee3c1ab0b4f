//! Searches encoded attributes for a key with a value.

use sqlx::{Postgres, QueryBuilder};
use throughline_model::AttributeCondition;
use throughline_wire::{Attributes, binary};
use uuid::Uuid;

/// The resources that have the attribute, as far as it is one of theirs.
pub(in crate::reader) fn resources(
    tenant: Uuid,
    condition: &AttributeCondition,
) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new("SELECT r.id FROM resources AS r WHERE r.tenant_id = ");
    query.push_bind(tenant).push(" AND (");
    push_needles(&mut query, condition, "r.attributes");
    query.push(")");
    query
}

/// Appends that one of the condition's values stands in `column`.
pub(super) fn push_needles(
    query: &mut QueryBuilder<Postgres>,
    condition: &AttributeCondition,
    column: &'static str,
) {
    for (at, needle) in needles(condition).into_iter().enumerate() {
        query.push(if at == 0 {
            "position("
        } else {
            " OR position("
        });
        query
            .push_bind(needle)
            .push(" IN ")
            .push(column)
            .push(") > 0");
    }
}

/// The attribute as it stands among encoded ones, for each value that reads like the text. What
/// is found is this very attribute, or one of the same key and value within an attribute that is a
/// map.
fn needles(condition: &AttributeCondition) -> Vec<Vec<u8>> {
    let values = condition.values().into_iter();
    values
        .map(|value| {
            let mut attributes = Attributes::default();
            attributes.insert(condition.key.clone(), value);
            let mut needle = Vec::new();
            binary::encode_attributes(&attributes, &mut needle);
            needle
        })
        .collect()
}
