//! The pages, one module each.

mod cart;
mod checkout;
mod not_found;
mod order;
mod product;
mod shelf;

pub(crate) use cart::CartPage;
pub(crate) use checkout::Checkout;
pub(crate) use not_found::NotFound;
pub(crate) use order::OrderPage;
pub(crate) use product::ProductPage;
pub(crate) use shelf::Shelf;

use leptos::prelude::*;

/// Sets the title of the browser's tab.
fn set_title(title: &str) {
    document().set_title(&format!("{title} · Larkspur Goods"));
}
