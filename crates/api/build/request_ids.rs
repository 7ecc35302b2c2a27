//! Turns the contract's `request_id` fields into `impl NamedByClient`.

use std::error::Error;
use std::fmt::Write as _;

use protox::prost_reflect::DescriptorPool;

use crate::rust_type;

const FIELD: &str = "request_id";

/// The source of one `impl NamedByClient` for every request of our own packages; empty ids for those that cannot be named.
pub(crate) fn generate(pool: &DescriptorPool) -> Result<String, Box<dyn Error>> {
    let mut code = String::new();
    let requests = pool.services().flat_map(|service| service.methods().map(|method| method.input()).collect::<Vec<_>>());
    for message in requests.filter(|message| message.package_name().starts_with("cabinet.")) {
        let id =
            if message.get_field_by_name(FIELD).is_some() { "std::mem::take(&mut self.request_id)" } else { "String::new()" };
        writeln!(code, "impl crate::NamedByClient for {} {{", rust_type(&message))?;
        writeln!(code, "    const MESSAGE: &'static str = {:?};", message.full_name())?;
        writeln!(code, "    fn take_request_id(&mut self) -> String {{ {id} }}\n}}")?;
    }
    Ok(code)
}
