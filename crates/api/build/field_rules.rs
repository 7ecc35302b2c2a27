//! Turns the `buf.validate` options of the contract into `impl Validate`.
//!
//! The subset below is what the contract uses. A rule outside it fails the build, so that no rule is
//! written in the contract and not enforced.

use std::error::Error;
use std::fmt::Write as _;

use protox::prost_reflect::{Cardinality, DescriptorPool, DynamicMessage, ExtensionDescriptor, FieldDescriptor, Kind, Value};

use crate::rust_type;

const IGNORE_IF_ZERO_VALUE: i32 = 1;

/// The source of one `impl Validate` for every message of our own packages.
pub(crate) fn generate(pool: &DescriptorPool) -> Result<String, Box<dyn Error>> {
    let extension = pool.get_extension_by_name("buf.validate.field").ok_or("buf/validate/validate.proto is not imported")?;
    let mut code = String::new();
    for message in pool.all_messages().filter(|message| message.package_name().starts_with("cabinet.") && !message.is_map_entry())
    {
        writeln!(code, "impl crate::Validate for {} {{", rust_type(&message))?;
        writeln!(code, "    fn check(&self, check: &mut crate::Check) {{")?;
        writeln!(code, "        let _ = &check;")?;
        for field in message.fields() {
            code += &field_checks(&field, &extension).map_err(|error| format!("{}: {error}", field.full_name()))?;
        }
        writeln!(code, "    }}\n}}")?;
    }
    Ok(code)
}

fn field_checks(field: &FieldDescriptor, extension: &ExtensionDescriptor) -> Result<String, Box<dyn Error>> {
    let mut code = String::new();
    let name = field.name();
    if let Some(rules) = rules_of(field, extension) {
        for (rule, value) in rules.fields() {
            match rule.name() {
                "ignore" => {}
                "required" => writeln!(code, "        check.required({name:?}, self.{name}.is_some());")?,
                "bytes" => code += &bytes_check(name, message(value)?)?,
                "repeated" => code += &repeated_checks(name, message(value)?)?,
                "string" | "enum" | "int32" | "int64" => {
                    let skip_empty = ignores_zero(&rules);
                    code +=
                        &scalar_check(&format!("{name:?}"), &format!("self.{name}"), skip_empty, rule.name(), message(value)?)?;
                }
                other => return Err(format!("the rule `{other}` has no generator").into()),
            }
        }
    }
    if let (Kind::Message(nested), false) = (field.kind(), field.is_map())
        && nested.package_name().starts_with("cabinet.")
    {
        match field.cardinality() {
            Cardinality::Repeated => writeln!(code, "        check.each({name:?}, &self.{name});")?,
            _ => writeln!(code, "        check.nested({name:?}, self.{name}.as_ref());")?,
        }
    }
    Ok(code)
}

fn rules_of(field: &FieldDescriptor, extension: &ExtensionDescriptor) -> Option<DynamicMessage> {
    let options = field.options();
    options.has_extension(extension).then(|| options.get_extension(extension).as_message().cloned()).flatten()
}

fn ignores_zero(rules: &DynamicMessage) -> bool {
    rules.get_field_by_name("ignore").and_then(|ignore| ignore.as_enum_number()) == Some(IGNORE_IF_ZERO_VALUE)
}

fn repeated_checks(name: &str, rules: &DynamicMessage) -> Result<String, Box<dyn Error>> {
    let (mut minimum, mut maximum, mut items) = (0, u64::MAX, String::new());
    for (rule, value) in rules.fields() {
        match rule.name() {
            "min_items" => minimum = number(value)?,
            "max_items" => maximum = number(value)?,
            "items" => {
                for (item_rule, item_value) in message(value)?.fields() {
                    let path = format!("&format!(\"{name}[{{index}}]\")");
                    items += &scalar_check(&path, "item", false, item_rule.name(), message(item_value)?)?;
                }
            }
            other => return Err(format!("the rule `repeated.{other}` has no generator").into()),
        }
    }
    let mut code = format!("        check.count({name:?}, self.{name}.len(), {minimum}, {maximum});\n");
    if !items.is_empty() {
        // A list that is too long is refused for that alone: its items are not answered one by one.
        write!(
            code,
            "        for (index, item) in self.{name}.iter().take({maximum}_usize).enumerate() {{\n{items}        }}\n"
        )?;
    }
    Ok(code)
}

fn bytes_check(name: &str, rules: &DynamicMessage) -> Result<String, Box<dyn Error>> {
    let mut code = String::new();
    for (rule, value) in rules.fields() {
        match rule.name() {
            "max_len" => writeln!(code, "        check.bytes({name:?}, self.{name}.len(), {});", number(value)?)?,
            other => return Err(format!("the rule `bytes.{other}` has no generator").into()),
        }
    }
    Ok(code)
}

fn scalar_check(path: &str, value: &str, skip_empty: bool, kind: &str, rules: &DynamicMessage) -> Result<String, Box<dyn Error>> {
    let mut arguments = Vec::new();
    for (rule, rule_value) in rules.fields() {
        arguments.push(match (kind, rule.name()) {
            ("string", "uuid") => "uuid: true".to_owned(),
            ("string", name @ ("min_len" | "max_len")) => format!("{name}: {}", number(rule_value)?),
            ("string", "pattern") => {
                let pattern = rule_value.as_str().ok_or("a pattern is a string")?;
                format!("pattern: Some({{ static PATTERN: crate::Pattern = crate::Pattern::new({pattern:?}); &PATTERN }})")
            }
            ("enum", "defined_only") => "defined_only: true".to_owned(),
            ("enum", "not_in") => format!("not_in: &{:?}", numbers(rule_value)?),
            ("int32" | "int64", name @ ("gte" | "lte")) => format!("{name}: {}", integer(rule_value)?),
            (_, other) => return Err(format!("the rule `{kind}.{other}` has no generator").into()),
        });
    }
    let (function, rules_type) = match kind {
        "string" => ("string", "StringRules"),
        "enum" => ("enumeration", "EnumRules"),
        _ => ("integer", "IntegerRules"),
    };
    arguments.push(format!("..crate::{rules_type}::NONE"));
    let condition = match (skip_empty, kind) {
        (false, _) => String::new(),
        (true, "string") => format!("if !{value}.is_empty() "),
        (true, _) => format!("if {value} != 0 "),
    };
    let argument = match kind {
        "string" => format!("&{value}"),
        // Prost knows which numbers an open enum defines by the typed getter alone.
        "enum" => format!("{value}, {}", enum_is_defined(value)),
        "int32" => format!("{value}.into()"),
        _ => value.to_owned(),
    };
    Ok(format!(
        "        {condition}{{ check.{function}({path}, {argument}, &crate::{rules_type} {{ {} }}); }}\n",
        arguments.join(", ")
    ))
}

/// An expression that says whether the number stands for a value of the enum: the getter maps unknown numbers to zero.
fn enum_is_defined(value: &str) -> String {
    let getter = value.strip_prefix("self.").map_or_else(|| value.to_owned(), |field| format!("self.{field}()"));
    format!("{getter} as i32 == {value}")
}

fn message(value: &Value) -> Result<&DynamicMessage, Box<dyn Error>> {
    value.as_message().ok_or_else(|| "a rule's value is a message".into())
}

fn number(value: &Value) -> Result<u64, Box<dyn Error>> {
    value.as_u64().ok_or_else(|| "a length or count is an unsigned number".into())
}

fn integer(value: &Value) -> Result<i64, Box<dyn Error>> {
    value.as_i64().or_else(|| value.as_i32().map(i64::from)).ok_or_else(|| "a bound is a number".into())
}

fn numbers(value: &Value) -> Result<Vec<i64>, Box<dyn Error>> {
    let list = value.as_list().ok_or("a set of numbers is a list")?;
    list.iter().map(integer).collect()
}
