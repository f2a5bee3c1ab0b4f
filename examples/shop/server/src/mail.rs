//! The mail gateway. This one writes letters to the log, and fails as gateways do, but always in
//! the same places, so that a demo and a test can rely on it.

use crate::order::OrderId;

/// A letter to a customer.
#[derive(Debug)]
pub struct Confirmation {
    /// Which order it confirms.
    pub order: OrderId,
    /// Where it goes.
    pub email: String,
    /// How the customer is called.
    pub name: String,
    /// What the order comes to.
    pub total_cents: i64,
    /// How many things are in it.
    pub pieces: i64,
}

/// Why a letter was not taken.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// The first attempt at every third order: as a busy gateway would say.
    #[error("451 4.7.1 greylisted, try again later")]
    Greylisted,
    /// Every attempt at an address under `bounce.test`.
    #[error("550 5.1.1 no mailbox {0}")]
    NoMailbox(String),
}

/// Where letters are handed in.
#[derive(Debug, Clone, Copy, Default)]
pub struct MailGateway;

impl MailGateway {
    /// Hands in a letter; `attempt` counts from 1.
    ///
    /// # Errors
    /// The gateway did not take it.
    pub fn deliver(self, letter: &Confirmation, attempt: u32) -> Result<(), MailError> {
        if letter
            .email
            .rsplit_once('@')
            .is_some_and(|(_, domain)| domain == "bounce.test")
        {
            return Err(MailError::NoMailbox(letter.email.clone()));
        }
        if letter.order.0 % 3 == 0 && attempt == 1 {
            return Err(MailError::Greylisted);
        }
        tracing::info!(
            order = letter.order.0,
            to = letter.email,
            "Dear {}, thank you. On its way: {} piece(s) for {}.{:02} EUR",
            letter.name,
            letter.pieces,
            letter.total_cents / 100,
            letter.total_cents % 100,
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(order: i64, email: &str) -> Confirmation {
        Confirmation {
            order: OrderId(order),
            email: email.into(),
            name: "Ada".into(),
            total_cents: 1250,
            pieces: 2,
        }
    }

    #[test]
    fn every_third_order_is_greylisted_once() {
        let gateway = MailGateway;
        assert_eq!(gateway.deliver(&letter(1, "a@b.test"), 1), Ok(()));
        assert_eq!(
            gateway.deliver(&letter(3, "a@b.test"), 1),
            Err(MailError::Greylisted)
        );
        assert_eq!(gateway.deliver(&letter(3, "a@b.test"), 2), Ok(()));
    }

    #[test]
    fn a_bouncing_address_bounces_every_time() {
        for attempt in 1..=3 {
            let answer = MailGateway.deliver(&letter(1, "x@bounce.test"), attempt);
            assert_eq!(answer, Err(MailError::NoMailbox("x@bounce.test".into())));
        }
        assert_eq!(
            MailGateway.deliver(&letter(1, "x@notbounce.test"), 1),
            Ok(())
        );
    }
}
