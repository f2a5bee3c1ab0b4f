//! The cart as all pages share it.

use leptos::prelude::*;

use crate::api::{self, Answer, ApiError, Cart};

/// The cart, once it is known; what last went wrong with it.
#[derive(Clone, Copy)]
pub(crate) struct Basket {
    cart: RwSignal<Option<Cart>>,
    error: RwSignal<Option<ApiError>>,
}

impl Basket {
    /// Makes the cart known to everything below, and asks for it.
    pub(crate) fn provide() {
        let basket = Self {
            cart: RwSignal::new(None),
            error: RwSignal::new(None),
        };
        provide_context(basket);
        leptos::task::spawn_local(basket.load());
    }

    /// The cart of the application this runs in.
    pub(crate) fn expect() -> Self {
        expect_context()
    }

    /// `None` until the first answer.
    pub(crate) fn cart(self) -> Option<Cart> {
        self.cart.get()
    }

    /// How many things are in it, as far as is known.
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

    /// Puts something in; says whether that went well.
    pub(crate) async fn add(self, product: i32, quantity: i32) -> Result<(), ApiError> {
        let cart = api::add_to_cart(product, quantity).await?;
        self.take(Ok(cart));
        Ok(())
    }

    /// The order took everything.
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
