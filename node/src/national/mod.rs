//! What never leaves the country.

pub mod aggregate;
pub mod budget;
pub mod disclosure;
pub mod minimise;
pub mod record;
