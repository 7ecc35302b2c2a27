//! Opens connections to the broker, with TLS or without.

use std::sync::Arc;

use lapin::runtime::default_runtime;
use lapin::tcp::{AMQPUriTcpExt as _, RustlsConnector};
use lapin::uri::{AMQPScheme, AMQPUri};
use lapin::{Connection, ConnectionProperties};

use super::AmqpBroker;
use crate::TransportError;

/// A broker that is silent for twice this time is taken for dead.
const HEARTBEAT_SECONDS: u16 = 10;
/// Of one frame, where the URL says nothing else; what is longer is cut into several. The client keeps twice 32 of them for each connection:
/// of the broker's own 128 KiB, these were most of what an idle process held.
const FRAME_BYTES: u32 = 16 * 1024;

/// Opens a connection that the broker's list shows under this name. Files of certificates are read for each.
pub(super) async fn open(broker: &AmqpBroker, name: &str) -> Result<Connection, TransportError> {
    let mut uri: AMQPUri = broker.url.expose().parse().map_err(|error: String| TransportError(error.into()))?;
    uri.query.heartbeat = Some(HEARTBEAT_SECONDS);
    uri.query.frame_max.get_or_insert(FRAME_BYTES);
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let Some(tls) = &broker.tls else { return Ok(Connection::connect_uri(uri, properties).await?) };
    let config = tls.config().map_err(|problem| TransportError(problem.into()))?;
    Ok(open_secured(uri, properties, RustlsConnector::from(Arc::new(config))).await?)
}

/// The client's own way would believe every public authority besides ours; so the two steps are taken one by one.
async fn open_secured(uri: AMQPUri, properties: ConnectionProperties, connector: RustlsConnector) -> lapin::Result<Connection> {
    let connect = async move |uri: AMQPUri, runtime| {
        let host = uri.authority.host.clone();
        let plain = AMQPUri { scheme: AMQPScheme::AMQP, ..uri };
        Ok(plain.connect_async(&runtime).await?.into_rustls(&connector, &host).await?)
    };
    Connection::connector(uri, default_runtime()?, connect, properties).await
}
