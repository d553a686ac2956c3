//! What never leaves the country.

pub mod record;
