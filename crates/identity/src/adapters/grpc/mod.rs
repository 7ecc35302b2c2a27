//! Identity's RPCs: translate in, call, translate out.

mod convert;
mod problem;
mod users;

pub(crate) use users::UserGrpc;
