//! A simulated mail gateway. It writes letters to the log. Like a real gateway it fails, but always
//! for the same orders, so that a demo and a test can rely on it.

use crate::order_id::OrderId;

/// A confirmation letter.
#[derive(Debug)]
pub struct Confirmation {
    /// The order it confirms.
    pub order: OrderId,
    /// The recipient's address.
    pub email: String,
    /// The name of the customer.
    pub name: String,
    /// The total price of the order, in cents.
    pub total_cents: i64,
    /// The number of pieces in the order.
    pub pieces: i64,
}

/// The reason why a letter was refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// The gateway is busy. This happens at the first attempt of every third order.
    #[error("451 4.7.1 greylisted, try again later")]
    Greylisted,
    /// The mailbox does not exist. This happens for every address under `bounce.test`.
    #[error("550 5.1.1 no mailbox {0}")]
    NoMailbox(String),
}

/// The mail gateway.
#[derive(Debug, Clone, Copy, Default)]
pub struct MailGateway;

impl MailGateway {
    /// Delivers a letter. `attempt` counts from 1.
    ///
    /// # Errors
    /// The gateway refused the letter.
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
