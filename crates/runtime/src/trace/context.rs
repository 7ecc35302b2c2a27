//! Where a span stands in its trace, as processes tell each other: `traceparent` (W3C Trace Context, level 1).

use std::fmt;
use std::str::FromStr;

/// `00-<trace id, 32 digits>-<span id, 16 digits>-<flags, 2 digits>` (§3.2.2).
const LENGTH: usize = 55;
/// The only flag of level 1: whoever comes before has kept his part of the trace.
const SAMPLED: u8 = 1;

/// A span, as those that come after it name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    pub(super) trace_id: u128,
    pub(super) span_id: u64,
    /// Whether the trace is wanted.
    pub is_sampled: bool,
}

/// The text is no `traceparent`. It is ignored, as the recommendation wants it (§4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidTraceparent;

impl FromStr for TraceContext {
    type Err = InvalidTraceparent;

    fn from_str(text: &str) -> Result<Self, InvalidTraceparent> {
        // A later version may add fields at the end; what stands before them stays (§3.2.2.1).
        let (known, added) = text.split_at_checked(LENGTH).ok_or(InvalidTraceparent)?;
        let mut fields = known.split('-');
        let [Some(version), Some(trace_id), Some(span_id), Some(flags), None] = std::array::from_fn(|_| fields.next()) else {
            return Err(InvalidTraceparent);
        };
        let version = hexadecimal(version, 2)?;
        let is_known = match version {
            0 => added.is_empty(),
            // Forbidden.
            0xff => false,
            _ => added.is_empty() || added.starts_with('-'),
        };
        let trace_id = hexadecimal(trace_id, 32)?;
        let span_id = u64::try_from(hexadecimal(span_id, 16)?).map_err(|_| InvalidTraceparent)?;
        let flags = u8::try_from(hexadecimal(flags, 2)?).map_err(|_| InvalidTraceparent)?;
        let context = Self { trace_id, span_id, is_sampled: flags & SAMPLED == SAMPLED };
        if is_known && trace_id != 0 && span_id != 0 { Ok(context) } else { Err(InvalidTraceparent) }
    }
}

/// So many digits, in lower case.
fn hexadecimal(text: &str, digits: usize) -> Result<u128, InvalidTraceparent> {
    let is_lower_case = text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if text.len() != digits || !is_lower_case {
        return Err(InvalidTraceparent);
    }
    u128::from_str_radix(text, 16).map_err(|_| InvalidTraceparent)
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, u8::from(self.is_sampled))
    }
}

impl TraceContext {
    /// The same in a trace that is not wanted.
    pub(crate) const fn unwanted(self) -> Self {
        Self { is_sampled: false, ..self }
    }

    /// Its trace, as logs and collectors name it.
    pub(crate) fn trace_id(&self) -> String {
        format!("{:032x}", self.trace_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the recommendation.
    const EXAMPLE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_context_is_read_and_written_as_the_recommendation_writes_it() {
        let context: TraceContext = EXAMPLE.parse().expect("the recommendation's own example");
        assert_eq!(context.trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c);
        assert_eq!(context.span_id, 0xb7ad_6b71_6920_3331);
        assert!(context.is_sampled);
        assert_eq!(context.to_string(), EXAMPLE);
        let unwanted = EXAMPLE.replace("-01", "-00");
        assert_eq!(unwanted.parse().map(|context: TraceContext| context.to_string()), Ok(unwanted));
    }

    #[test]
    fn of_flags_and_of_later_versions_what_is_known_is_read() {
        let read = |text: &str| text.parse::<TraceContext>().map(|context| context.to_string());
        assert_eq!(read(&EXAMPLE.replace("-01", "-ff")), Ok(EXAMPLE.to_owned()));
        assert_eq!(read(&EXAMPLE.replacen("00-", "01-", 1)), Ok(EXAMPLE.to_owned()));
        assert_eq!(read(&format!("{}-more", EXAMPLE.replacen("00-", "cc-", 1))), Ok(EXAMPLE.to_owned()));
    }

    #[test]
    fn what_is_no_context_is_none() {
        for wrong in [
            "",
            "00",
            "garbage",
            &EXAMPLE.to_uppercase(),
            &EXAMPLE.replacen("00-", "ff-", 1),
            &EXAMPLE.replacen("00-", "+0-", 1),
            &EXAMPLE.replace("-01", "-+1"),
            &EXAMPLE.replace('-', "_"),
            &format!("{EXAMPLE}-more"),
            &format!("{EXAMPLE} "),
            &format!("{}more", EXAMPLE.replacen("00-", "cc-", 1)),
            &EXAMPLE.replace("b7ad6b7169203331", "0000000000000000"),
            &EXAMPLE.replace("0af7651916cd43dd8448eb211c80319c", "00000000000000000000000000000000"),
            &EXAMPLE.replace(
                "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
                "0af7651916cd43dd8448eb211c80319cb-7ad6b7169203331",
            ),
            &"é".repeat(LENGTH),
            &format!("00-{}", "-".repeat(LENGTH)),
        ] {
            assert_eq!(wrong.parse::<TraceContext>(), Err(InvalidTraceparent), "{wrong}");
        }
    }
}
