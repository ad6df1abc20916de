//! A service of ECS behind a load balancer, of which somebody lets no copy run. The emulator runs no container and sends no
//! request through its balancer: how many copies are to run is its own, and what CloudWatch hears of balancer and service
//! is put there as they would put it, of what the emulator says runs at that moment.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use model::EntityId;
use model::action::Action;
use serde_json::{Value, json};

use super::super::until;
use super::cloud::Cloud;
use super::{Breakage, broken, investigated, put_back};

/// Minutes before it begins, of which CloudWatch has heard already.
const BEFORE: u64 = 40;
/// Copies that are to run.
const COPIES: u64 = 2;
/// Requests of one telling.
const REQUESTS: u64 = 20;

/// What hands may alter.
const HANDS: &str = "[connectors.aws.main.hands]\nwithout_role = true\nservices = [\"shop/checkout\"]\ncall_log = \"deeds.jsonl\"\n";

/// A service of which no copy is to run.
const NOBODY: Breakage = Breakage {
    starts: Cloud::start,
    sets_up,
    asks: |cloud| {
        let running = running(cloud);
        told(cloud, running, now());
        running > 0
    },
    every: Duration::from_secs(10),
    does: |cloud| {
        ecs(
            cloud,
            "UpdateService",
            &json!({"cluster": "shop", "service": "checkout", "desiredCount": 0}),
        );
        until("the end of its copies", Duration::from_secs(30), || {
            (running(cloud) == 0).then_some(())
        });
    },
    alarmed: "gateway/app/front/",
    cause: "service/checkout",
    mechanism: "resource.scaled-to-zero",
    setting: "desiredCount",
    step: ["copies = 0, of which 0 run", "copies = 2"],
    undo: || Action::Scale {
        entity: EntityId::new("service/checkout"),
        copies: 0,
    },
    mended: |cloud| running(cloud) == COPIES,
    service: "ecs",
};

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap().as_secs()
}

fn ecs(cloud: &Cloud, call: &str, body: &Value) -> Value {
    let target = format!("AmazonEC2ContainerServiceV20141113.{call}");
    cloud.target("ecs", &target, body)
}

/// Copies that run, as the emulator tells.
fn running(cloud: &Cloud) -> u64 {
    let asked = json!({"cluster": "shop", "services": ["checkout"]});
    let said = ecs(cloud, "DescribeServices", &asked);
    said["services"][0]["runningCount"].as_u64().unwrap()
}

fn elb(cloud: &Cloud, fields: &[(&str, &str)], wanted: &str) -> String {
    let all = [&[("Version", "2015-12-01")][..], fields].concat();
    let said = cloud.form("elasticloadbalancing", &all);
    let (open, close) = (format!("<{wanted}>"), format!("</{wanted}>"));
    let rest = said.split_once(&open).unwrap_or_else(|| panic!("{said}")).1;
    rest.split_once(&close).unwrap().0.to_string()
}

/// As CloudWatch calls the balancer: `app/front/0123456789abcdef`.
fn balancer(cloud: &Cloud) -> String {
    let arn = elb(
        cloud,
        &[
            ("Action", "DescribeLoadBalancers"),
            ("Names.member.1", "front"),
        ],
        "LoadBalancerArn",
    );
    arn.split_once(":loadbalancer/").unwrap().1.to_string()
}

/// What the balancer and the service tell CloudWatch of that moment.
fn told(cloud: &Cloud, running: u64, at: u64) {
    let front = balancer(cloud);
    let served = if running > 0 { REQUESTS } else { 0 };
    let balancer = [
        ("RequestCount", REQUESTS),
        ("HTTPCode_Target_2XX_Count", served),
        // Nobody is there: the balancer answers 503 itself.
        ("HTTPCode_ELB_5XX_Count", REQUESTS - served),
    ];
    let dimensions = [("LoadBalancer", front.as_str())];
    put(cloud, "AWS/ApplicationELB", &dimensions, &balancer, at);
    let service = [("DesiredTaskCount", running), ("RunningTaskCount", running)];
    let dimensions = [("ClusterName", "shop"), ("ServiceName", "checkout")];
    put(cloud, "ECS/ContainerInsights", &dimensions, &service, at);
}

fn put(cloud: &Cloud, space: &str, about: &[(&str, &str)], numbers: &[(&str, u64)], at: u64) {
    let at = at.to_string();
    let mut fields = vec![
        ("Action".to_string(), "PutMetricData".to_string()),
        ("Namespace".to_string(), space.to_string()),
    ];
    for (index, (name, value)) in numbers.iter().enumerate() {
        let member = format!("MetricData.member.{}", index + 1);
        fields.push((format!("{member}.MetricName"), name.to_string()));
        fields.push((format!("{member}.Value"), value.to_string()));
        fields.push((format!("{member}.Unit"), "Count".to_string()));
        fields.push((format!("{member}.Timestamp"), at.clone()));
        for (place, (name, value)) in about.iter().enumerate() {
            let dimension = format!("{member}.Dimensions.member.{}", place + 1);
            fields.push((format!("{dimension}.Name"), name.to_string()));
            fields.push((format!("{dimension}.Value"), value.to_string()));
        }
    }
    let fields = fields.iter();
    let fields: Vec<(&str, &str)> = fields
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    cloud.form("monitoring", &fields);
}

fn sets_up(cloud: &Cloud, api: u16) {
    let made = [
        ("Action", "CreateLoadBalancer"),
        ("Name", "front"),
        ("Subnets.member.1", "subnet-1"),
    ];
    let front = elb(cloud, &made, "LoadBalancerArn");
    let made = [
        ("Action", "CreateTargetGroup"),
        ("Name", "checkout"),
        ("Protocol", "HTTP"),
        ("Port", "80"),
        ("VpcId", "vpc-1"),
        ("TargetType", "ip"),
    ];
    let group = elb(cloud, &made, "TargetGroupArn");
    let made = [
        ("Action", "CreateListener"),
        ("LoadBalancerArn", front.as_str()),
        ("Protocol", "HTTP"),
        ("Port", "80"),
        ("DefaultActions.member.1.Type", "forward"),
        ("DefaultActions.member.1.TargetGroupArn", group.as_str()),
    ];
    elb(cloud, &made, "ListenerArn");
    ecs(cloud, "CreateCluster", &json!({"clusterName": "shop"}));
    let container =
        json!({"name": "web", "image": "shop/checkout:1", "memory": 128, "essential": true});
    let definition = json!({"family": "checkout", "containerDefinitions": [container]});
    ecs(cloud, "RegisterTaskDefinition", &definition);
    let behind = json!([{"targetGroupArn": group, "containerName": "web", "containerPort": 80}]);
    ecs(
        cloud,
        "CreateService",
        &json!({
            "cluster": "shop", "serviceName": "checkout", "taskDefinition": "checkout:1", "desiredCount": COPIES,
            "loadBalancers": behind,
        }),
    );
    until("its copies", Duration::from_secs(30), || {
        (running(cloud) == COPIES).then_some(())
    });
    for ago in (1..=BEFORE).rev() {
        told(cloud, COPIES, now() - ago * 60);
    }
    let topic = cloud.listener(api);
    let front = balancer(cloud);
    let about = [
        ("Action", "PutMetricAlarm"),
        ("AlarmName", "the front answers for nobody"),
        ("Namespace", "AWS/ApplicationELB"),
        ("MetricName", "HTTPCode_ELB_5XX_Count"),
        ("Dimensions.member.1.Name", "LoadBalancer"),
        ("Dimensions.member.1.Value", front.as_str()),
    ];
    cloud.alarm(&about, &topic);
}

#[test]
#[ignore = "needs ministack: run by cargo xtask test"]
fn a_service_of_which_no_copy_is_to_run_is_let_run_through_ministack() {
    let scene = broken(&NOBODY, HANDS);
    investigated(&NOBODY, &scene);
    put_back(&NOBODY, &scene);
}
