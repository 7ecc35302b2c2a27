//! Planner, ledger and dispatchers together, over real PostgreSQL: what becomes of a fact, whatever goes wrong.
//!
//! Identity and the mail server are played here, so that they can be away, refuse, or die at any moment.

mod autologins;
mod desk;
mod realms;
mod security_mail;
