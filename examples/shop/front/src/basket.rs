//! The state of the cart, shared by all pages.

use leptos::prelude::*;

use crate::api::{self, Answer, ApiError, Cart};

/// The cart, once it is loaded, and the last error of a cart request.
#[derive(Clone, Copy)]
pub(crate) struct Basket {
    cart: RwSignal<Option<Cart>>,
    error: RwSignal<Option<ApiError>>,
}

impl Basket {
    /// Provides the cart to all components below and loads it.
    pub(crate) fn provide() {
        let basket = Self {
            cart: RwSignal::new(None),
            error: RwSignal::new(None),
        };
        provide_context(basket);
        leptos::task::spawn_local(basket.load());
    }

    /// Returns the cart of the current application.
    pub(crate) fn expect() -> Self {
        expect_context()
    }

    /// Returns the cart, or `None` until the first response arrives.
    pub(crate) fn cart(self) -> Option<Cart> {
        self.cart.get()
    }

    /// Returns the number of pieces in the cart, 0 until it is loaded.
    pub(crate) fn count(self) -> i64 {
        self.cart
            .with(|cart| cart.as_ref().map_or(0, |cart| cart.count))
    }

    pub(crate) fn error(self) -> Option<ApiError> {
        self.error.get()
    }

    pub(crate) async fn load(self) {
        self.take(api::cart().await);
    }

    pub(crate) async fn set_quantity(self, product: i32, quantity: i32) {
        self.take(api::set_quantity(product, quantity).await);
    }

    pub(crate) async fn remove(self, product: i32) {
        self.take(api::remove_from_cart(product).await);
    }

    /// Adds pieces of a product to the cart.
    pub(crate) async fn add(self, product: i32, quantity: i32) -> Result<(), ApiError> {
        let cart = api::add_to_cart(product, quantity).await?;
        self.take(Ok(cart));
        Ok(())
    }

    /// Empties the cart after an order.
    pub(crate) fn clear(self) {
        self.take(Ok(Cart::default()));
    }

    fn take(self, answer: Answer<Cart>) {
        match answer {
            Ok(cart) => {
                self.cart.set(Some(cart));
                self.error.set(None);
            }
            Err(error) => self.error.set(Some(error)),
        }
    }
}
