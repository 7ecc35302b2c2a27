//! What the shape of the repository promises: who depends on whom, what stands in which room, what SQL and the contract look like,
//! and what an operator is given.
//!
//! Reads manifests, sources, migrations, the committed query data and the compiled contract; needs no server.

mod contract;
mod contract_docs;
mod deployment;
mod discipline;
mod error_texts;
mod exports;
mod layering;
mod manifests;
mod mutants;
mod released_contract;
mod rooms;
mod schema;
mod sql;
mod tables;
mod workspace;
