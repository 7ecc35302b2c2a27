//! Time as a value that is handed in.

pub use jiff::Timestamp;

/// Tells the time. Nothing in the product reads a clock of its own.
pub trait Clock: Send + Sync {
    /// The present moment, whole microseconds (what PostgreSQL stores).
    fn now(&self) -> Timestamp;
}
