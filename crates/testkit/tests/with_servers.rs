//! `with-servers` hands its servers to one command and takes them away again, however it ends itself.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cabinet_testkit::GuardedProcess;

#[test]
fn the_exit_code_is_that_of_the_command() {
    let mut child = with_servers(&["--postgres"], "exit 7");

    assert_eq!(child.wait().expect("it ends").code(), Some(7));
}

#[test]
fn a_wrong_call_is_answered_with_the_usage() {
    let output = program().args(["--postgres"]).output().expect("it runs");

    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("usage: with-servers"));
}

#[test]
fn a_request_to_stop_reaches_the_command() {
    let mut child = with_servers(&["--postgres"], "trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done");
    assert_eq!(lines(&mut child, 1), ["ready"]);

    signal("TERM", child.id());

    assert_eq!(child.wait().expect("it ends").code(), Some(5));
}

#[test]
fn nothing_is_left_when_it_is_killed() {
    let script = "echo $$; echo ${CABINET_TEST_POSTGRES_URL##*:}; echo ${CABINET_TEST_AMQP_URL##*:};
        echo ${CABINET_TEST_AMQP_MANAGEMENT_URL##*:}; exec sleep 600";
    let mut child = with_servers(&["--postgres", "--rabbitmq"], script);
    let told = lines(&mut child, 4);
    let ports: Vec<u16> = told[1..].iter().map(|port| port.parse().expect("a port")).collect();
    assert!(ports.iter().all(|port| is_open(*port)), "all servers are up");

    child.kill().expect("it runs");
    child.wait().expect("it was killed");

    wait_until("the servers are gone", || !ports.iter().any(|port| is_open(*port)));
    let command = format!("/proc/{}/exe", told[0]);
    wait_until("the command is gone", || !Path::new(&command).exists());
}

#[test]
fn a_guarded_process_takes_its_children_along() {
    let mut command = Command::new("sh");
    command.args(["-c", "sleep 600 & echo $!; wait"]).stdout(Stdio::piped());
    let mut process = GuardedProcess::spawn(&mut command).expect("sh runs");
    let child = lines(process.child(), 1).remove(0);
    assert!(Path::new(&format!("/proc/{child}/exe")).exists());

    drop(process);

    wait_until("the child is gone", || !Path::new(&format!("/proc/{child}/exe")).exists());
}

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_with-servers"))
}

fn with_servers(servers: &[&str], script: &str) -> Child {
    let mut command = program();
    command.args(servers).args(["--", "sh", "-c", script]).stdout(Stdio::piped());
    command.spawn().expect("with-servers runs")
}

fn lines(child: &mut Child, count: usize) -> Vec<String> {
    let output = child.stdout.take().expect("the output is a pipe");
    BufReader::new(output).lines().take(count).map(|line| line.expect("the output is text")).collect()
}

fn signal(name: &str, pid: u32) {
    let status = Command::new("sh").args(["-c", &format!("kill -s {name} {pid}")]).status();
    assert!(status.expect("sh runs").success());
}

fn is_open(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

fn wait_until(what: &str, done: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(Instant::now() < deadline, "after 10 s still not true: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
