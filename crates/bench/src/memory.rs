//! Memory of a system that does nothing, after every call was made once.

use std::time::Duration;

use cabinet_e2e::with_token;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic_prost::ProstCodec;

use crate::Scale;
use crate::all_in_one::AllInOne;
use crate::report::Report;
use crate::stage::Stage;

const CALL_LIMIT: Duration = Duration::from_secs(2);

/// `memory.idle`: proportional set size of the four processes, and of one with everything in it.
pub(crate) async fn idle(stage: &Stage, scale: Scale, report: &mut Report) {
    let cabinet = &stage.cabinet;
    let services = [&cabinet.identity, &cabinet.profile, &cabinet.case_monitoring, &cabinet.notification];
    let mut methods: Vec<String> = api::methods().into_keys().collect();
    methods.sort();
    for service in services {
        for method in &methods {
            call(service.channel(), &cabinet.service_token(), method).await;
        }
    }
    let all_in_one = AllInOne::start(&stage.server, cabinet).await;
    for method in &methods {
        call(all_in_one.channel(), &cabinet.service_token(), method).await;
    }
    tokio::time::sleep(Duration::from_secs(scale.long_seconds)).await;
    let each: Vec<f64> = services.iter().map(|service| pss_mebibytes(service.process_id())).collect();
    let remark = format!("identity, profile, case-monitoring, notification: {each:.1?}");
    report.remarked("memory.idle", &[each.iter().sum()], "MiB", remark);
    report.figure("memory.idle.all_in_one", &[pss_mebibytes(all_in_one.process_id())], "MiB");
}

/// With an empty message: most are refused, each by the service that knows it; the others do not know it.
async fn call(channel: Channel, token: &str, method: &str) {
    let mut client = Grpc::new(channel);
    client.ready().await.expect("the service runs");
    let codec: ProstCodec<(), ()> = ProstCodec::default();
    let path: PathAndQuery = method.parse().expect("a path of the contract");
    // A stream has no end: it is left after a while.
    drop(tokio::time::timeout(CALL_LIMIT, client.server_streaming(with_token(token, ()), path, codec)).await);
}

/// proc(5), smaps_rollup: pages shared with others count in part.
pub(crate) fn pss_mebibytes(process: u32) -> f64 {
    let rollup = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
    let kibibytes = rollup.lines().find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix("kB")?.trim().parse().ok());
    kibibytes.map_or(f64::NAN, |kibibytes: f64| kibibytes / 1024.0)
}
