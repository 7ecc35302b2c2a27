//! Where the services are that a client of the public contracts calls: with TLS as one of them has it, by the same variables.

use runtime::StartError;
use runtime::grpc::PeerConfig;
use runtime::settings::{self, Settings};

/// Of an authority to believe, and of a certificate to show.
const TLS_VARIABLES: &str = "CABINET__PEERS__TLS__";

/// Services by their names in settings (`case_monitoring`), each with its address.
pub(crate) fn peers<const N: usize>(addresses: [(&str, &str); N]) -> Result<[PeerConfig; N], StartError> {
    let tls = settings::environment()?.into_iter().filter(|(name, _)| name.starts_with(TLS_VARIABLES));
    let named = addresses.map(|(name, url)| (format!("CABINET__PEERS__{}", name.to_uppercase()), url.to_owned()));
    let mut settings = Settings::load(&[], None, tls.chain(named));
    let read = addresses.map(|(name, _)| PeerConfig::read(&mut settings, &format!("peers.{name}")));
    let all: Option<Vec<PeerConfig>> = read.into_iter().collect();
    let peers = settings.finish(all)?;
    Ok(peers.try_into().expect("each has been read"))
}
