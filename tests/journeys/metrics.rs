//! What operators see of calls and letters.

use cabinet_e2e::Cabinet;

/// What a letter took, and the whole way to it, by channel and lane; what calls took, by method and code.
#[tokio::test(flavor = "multi_thread")]
async fn operators_see_how_long_calls_and_letters_took() {
    let cabinet = Cabinet::start().await;
    let customer = cabinet.create_customer_who_ticked("anna@example.com").await;
    let case = cabinet.create_case(&customer.user_id).await;
    cabinet.change_status(&cabinet.service_token(), &case.case_id, "OPEN").await.expect("an allowed move");
    cabinet.change_status(&cabinet.service_token(), &case.case_id, "OPEN").await.expect_err("it is open already");
    cabinet.letters(1).await;
    cabinet.settled().await;

    let metrics = cabinet.notification.admin("/metrics").await.expect("it answers");
    for metric in ["delivery_send_duration", "delivery_latency"] {
        let sample = format!("cabinet_{metric}_seconds_count{{channel=\"EMAIL\",lane=\"normal\"}} 1\n");
        assert!(metrics.contains(&sample), "{sample}{metrics}");
    }
    let metrics = cabinet.case_monitoring.admin("/metrics").await.expect("it answers");
    let of = |code: i32| {
        let labels = "rpc_service=\"cabinet.case_monitoring.v1.CaseService\",rpc_method=\"ChangeCaseStatus\"";
        format!("cabinet_rpc_server_duration_seconds_count{{{labels},rpc_grpc_status_code=\"{code}\"}} 1\n")
    };
    for sample in [of(0), of(9), "cabinet_rpc_server_active_requests 0\n".to_owned()] {
        assert!(metrics.contains(&sample), "{sample}{metrics}");
    }
}
