//! The id of an order, which its jobs carry too.

use serde::{Deserialize, Serialize};

/// The id of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct OrderId(pub i64);
