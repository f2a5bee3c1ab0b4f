//! Resolves the dictionary tests of a plan: the operations, resources and scopes that pass them,
//! and the traces that other tables find. Runs one statement per request.

use std::collections::HashSet;

use futures::TryStreamExt as _;
use sqlx::postgres::PgArguments;
use sqlx::{Arguments as _, FromRow, PgConnection, QueryBuilder};
use throughline_codec::binary;
use throughline_model::{AttributeOwner, ReadError};
use throughline_wire::Resource;
use uuid::Uuid;

use super::plan::{ScanPlan, TraceSource, attribute_tests};
use super::predicate::OperationTest;
use super::sources::push_sources;
use super::value::ValueTest;
use crate::ids::{self, IdSet};
use crate::sqlstate::read_error;

#[derive(FromRow)]
struct DictionaryRow {
    section: i16,
    id: i64,
    kind: Option<i16>,
    name: Option<String>,
    service: Option<String>,
    attributes: Option<Vec<u8>>,
}

/// The operations that the tests can pass. If a part of a test cannot be expressed, this is all
/// operations.
#[derive(Debug, Default)]
struct Wanted {
    all: bool,
    parts: Vec<String>,
    kinds: Vec<i16>,
    services: Vec<i64>,
}

impl Wanted {
    fn note(&mut self, test: &OperationTest) {
        match test {
            // One part is enough, because each other part only reduces the result.
            OperationTest::And(parts) => match parts.iter().find(|part| is_selective(part)) {
                Some(part) => self.note(part),
                None => self.all = true,
            },
            OperationTest::Or(parts) => parts.iter().for_each(|part| self.note(part)),
            OperationTest::Not(_) => self.all = true,
            OperationTest::Kind(kind) => self.kinds.push(*kind),
            OperationTest::Name(name) => match name.folded_part() {
                Some(part) => self.parts.push(part),
                None => self.all = true,
            },
            OperationTest::Service(test) => match service_name(test) {
                Some(id) => self.services.push(id),
                None => self.all = true,
            },
        }
    }
}

fn is_selective(test: &OperationTest) -> bool {
    let mut wanted = Wanted::default();
    wanted.note(test);
    !wanted.all
}

fn service_name(test: &ValueTest) -> Option<i64> {
    let texts = test.equal_texts()?;
    let [name] = texts.as_slice() else {
        return None;
    };
    // A span without a service is listed under this name but may have another service ID.
    let name = core::str::from_utf8(name).ok()?;
    (name != Resource::UNKNOWN_SERVICE).then(|| ids::service(name))
}

/// Runs the statement and stores its results in the plan.
pub(super) async fn resolve(
    connection: &mut PgConnection,
    tenant: Uuid,
    plan: &mut ScanPlan,
) -> Result<(), ReadError> {
    plan.led = plan
        .sources()
        .filter(|(_, source)| !matches!(source, TraceSource::LogRecord(_)))
        .map(|(leaf, _)| (leaf, Some(HashSet::new())))
        .collect();
    let mut led = Vec::new();
    let mut tests = attribute_tests(&plan.leaves);
    tests.retain(|test| test.is_of(AttributeOwner::Resource) || test.is_of(AttributeOwner::Scope));
    let dictionary = &mut plan.dictionary;
    dictionary.operation_ids = dictionary
        .operations
        .iter()
        .map(|_| IdSet::default())
        .collect();
    for test in &tests {
        dictionary
            .resource_ids
            .insert(test.number, IdSet::default());
        dictionary.scope_ids.insert(test.number, IdSet::default());
    }
    if dictionary.operations.is_empty() && tests.is_empty() && plan.led.is_empty() {
        return Ok(());
    }
    let mut wanted = Wanted::default();
    dictionary
        .operations
        .iter()
        .for_each(|test| wanted.note(test));
    let needles: Option<Vec<&[u8]>> = tests
        .iter()
        .map(|test| test.key.as_deref().or_else(|| test.test.needle()))
        .collect();
    let of = |owner| tests.iter().any(|test| test.is_of(owner));
    let is_all = needles.is_none();
    let needles = needles.unwrap_or_default().into_iter();
    let mut arguments = PgArguments::default();
    let bound = [
        arguments.add(tenant),
        arguments.add(!dictionary.operations.is_empty()),
        arguments.add(wanted.all),
        arguments.add(wanted.parts),
        arguments.add(wanted.kinds),
        arguments.add(wanted.services),
        arguments.add(of(AttributeOwner::Resource)),
        arguments.add(of(AttributeOwner::Scope)),
        arguments.add(is_all),
        arguments.add(needles.map(<[u8]>::to_vec).collect::<Vec<_>>()),
    ];
    if bound.iter().any(Result::is_err) {
        tracing::error!("cannot encode the bind parameters of a search");
        return Err(ReadError::Internal);
    }
    let mut query = QueryBuilder::with_arguments(include_str!("dictionary.sql"), arguments);
    push_sources(&mut query, tenant, &plan.leaves);
    let query = query.build_query_as::<DictionaryRow>();
    let mut rows = query.fetch(connection);
    let mut buffer = String::new();
    while let Some(row) = rows.try_next().await.map_err(read_error)? {
        if row.section == 0 {
            let name = row.name.as_deref().unwrap_or_default();
            let service = row.service.as_deref().unwrap_or(Resource::UNKNOWN_SERVICE);
            let kind = row.kind.unwrap_or_default();
            let tests = dictionary
                .operations
                .iter()
                .zip(&mut dictionary.operation_ids);
            for (test, ids) in tests {
                if test.is(name, kind, service) {
                    ids.insert(row.id);
                }
            }
            continue;
        }
        if row.section == 3 {
            let trace_id = row.name.and_then(|id| id.parse::<Uuid>().ok());
            led.extend(usize::try_from(row.id).ok().zip(trace_id));
            continue;
        }
        let bytes = row.attributes.unwrap_or_default();
        let Ok(attributes) = binary::decode_attributes(&bytes) else {
            tracing::error!(
                id = row.id,
                "cannot read the attributes of a resource or scope"
            );
            continue;
        };
        let (owner, ids) = if row.section == 1 {
            (AttributeOwner::Resource, &mut dictionary.resource_ids)
        } else {
            (AttributeOwner::Scope, &mut dictionary.scope_ids)
        };
        for test in tests.iter().filter(|test| test.is_of(owner)) {
            let mut passing = attributes.iter().filter(|(key, value)| {
                test.is_key(key.as_bytes()) && test.test.value(value, &mut buffer)
            });
            if let Some((name, _)) = passing.next() {
                if test.key.is_none() {
                    dictionary.names.insert(name.to_owned());
                }
                ids.entry(test.number).or_default().insert(row.id);
            }
        }
    }
    drop(rows);
    for (leaf, trace_id) in led {
        plan.note_led(leaf, trace_id);
    }
    Ok(())
}
