//! Our decoders against the official encoder, and each row of bad input.
