//! `midwatch iam`: from a folder of what the command line prints to the statement that decides.

use std::fs;
use std::path::Path;

use midwatch::console::{Console, Surroundings};
use midwatch::exit::Exit;
use serde_json::{Value, json};

/// Exit, standard output, standard error.
fn run(args: &[&str]) -> (Exit, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut console = Console::new(&mut out, &mut err, Surroundings::default());
    let words = std::iter::once("midwatch").chain(args.iter().copied());
    let exit = midwatch::run(words, &mut console);
    let text = |bytes| String::from_utf8(bytes).expect("the program writes UTF-8");
    (exit, text(out), text(err))
}

fn put(here: &Path, name: &str, what: &Value) {
    let path = here.join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
    fs::write(path, what.to_string()).expect("it can be written");
}

fn ask(here: &Path, more: &[&str]) -> (Exit, String, String) {
    let policies = here.join("policies");
    let request = here.join("request.json");
    let mut args = vec![
        "iam",
        "explain",
        "--policies",
        policies.to_str().expect("a path"),
    ];
    args.extend(["--request", request.to_str().expect("a path")]);
    args.extend(more);
    run(&args)
}

/// A role that may write to its table, an organization that lets nobody do so from outside.
fn scene(here: &Path, context: &Value) {
    put(
        here,
        "request.json",
        &json!({
            "principal": "arn:aws:sts::111111111111:assumed-role/orders/fn",
            "action": "dynamodb:PutItem",
            "resource": "arn:aws:dynamodb:eu-west-1:111111111111:table/orders",
            "context": context,
        }),
    );
    // As `aws iam get-role-policy` prints it.
    put(
        here,
        "policies/write.json",
        &json!({"RoleName": "orders", "PolicyName": "write", "PolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [{
                "Sid": "Table", "Effect": "Allow", "Action": ["dynamodb:PutItem", "dynamodb:GetItem"],
                "Resource": "arn:aws:dynamodb:*:111111111111:table/orders",
            }],
        }}),
    );
    put(
        here,
        "policies/other.json",
        &json!({"RoleName": "billing", "PolicyName": "all", "PolicyDocument":
            {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}}),
    );
    // As `aws organizations describe-policy` prints it.
    let guard = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "*", "Resource": "*"},
        {"Sid": "Inside", "Effect": "Deny", "Action": "*", "Resource": "*",
            "Condition": {"StringNotEqualsIfExists": {"aws:SourceVpc": "vpc-1"}}},
    ]});
    put(
        here,
        "policies/scp/prod/guard.json",
        &json!({"Policy": {
            "PolicySummary": {"Name": "guard", "Type": "SERVICE_CONTROL_POLICY"},
            "Content": guard.to_string(),
        }}),
    );
}

#[test]
fn a_denial_names_the_statement_that_decides() {
    let here = tempfile::tempdir().expect("a folder");
    scene(here.path(), &json!({"aws:SourceVpc": "vpc-2"}));
    let (exit, out, err) = ask(here.path(), &[]);
    assert_eq!(exit, Exit::No, "{err}");
    assert!(
        out.starts_with("denied: a statement forbids it\n  dynamodb:PutItem\n"),
        "{out}"
    );
    let flat = out.split_whitespace().collect::<Vec<_>>().join(" ");
    let decided = "Decided by service control policy \"guard\" of prod, statement 2 (Inside): Deny Action * on \
        Resource * if StringNotEqualsIfExists aws:SourceVpc vpc-1";
    assert!(flat.contains(decided), "{out}");
    assert!(
        err.contains("passed over: other.json: it is about role billing"),
        "{err}"
    );
}

#[test]
fn who_asks_from_inside_is_allowed_and_an_untold_place_is_not_guessed() {
    let here = tempfile::tempdir().expect("a folder");
    scene(here.path(), &json!({"aws:SourceVpc": "vpc-1"}));
    let (exit, out, err) = ask(here.path(), &["--format", "json"]);
    assert_eq!(exit, Exit::Done, "{err}");
    let answer: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(answer["verdict"], "Allowed");
    let policies: Vec<&str> = answer["decided_by"]
        .as_array()
        .expect("places")
        .iter()
        .filter_map(|place| place["policy"].as_str())
        .collect();
    assert_eq!(policies, ["guard", "write of role orders"]);

    scene(here.path(), &json!({}));
    let (exit, out, _) = ask(here.path(), &["--format", "json"]);
    assert_eq!(exit, Exit::Unknown);
    let answer: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(answer["missing"], json!(["aws:SourceVpc"]));
}

#[test]
fn a_whole_account_is_read_with_groups_managed_policies_and_boundaries() {
    let here = tempfile::tempdir().expect("a folder");
    let allow = |action: &str| json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": action, "Resource": "*"}});
    let managed = |name: &str, action: &str| {
        json!({
            "PolicyName": name, "Arn": format!("arn:aws:iam::111111111111:policy/{name}"),
            "PolicyVersionList": [
                {"VersionId": "v1", "IsDefaultVersion": false, "Document": allow("*")},
                {"VersionId": "v2", "IsDefaultVersion": true, "Document": allow(action)},
            ],
        })
    };
    put(
        here.path(),
        "policies/account.json",
        &json!({
            "UserDetailList": [{
                "UserName": "ci", "Arn": "arn:aws:iam::111111111111:user/ci", "GroupList": ["builders"],
                "PermissionsBoundary": {"PermissionsBoundaryArn": "arn:aws:iam::111111111111:policy/bound"},
                "AttachedManagedPolicies": [],
            }],
            "GroupDetailList": [{"GroupName": "builders", "AttachedManagedPolicies":
                [{"PolicyName": "queues", "PolicyArn": "arn:aws:iam::111111111111:policy/queues"}]}],
            "RoleDetailList": [],
            "Policies": [managed("queues", "sqs:*"), managed("bound", "s3:*")],
        }),
    );
    put(
        here.path(),
        "request.json",
        &json!({
            "principal": "arn:aws:iam::111111111111:user/ci", "action": "sqs:SendMessage",
            "resource": "arn:aws:sqs:eu-west-1:111111111111:jobs",
        }),
    );
    let (exit, out, err) = ask(here.path(), &["--format", "json"]);
    assert_eq!(exit, Exit::No, "{err}");
    let answer: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(answer["verdict"], "ImplicitlyDenied");
    assert_eq!(answer["lacking"], json!(["boundary"]));
    assert_eq!(
        answer["nearest"][0]["but"],
        json!(["Action s3:* does not cover sqs:SendMessage"])
    );
}

#[test]
fn what_cannot_be_used_is_refused_with_its_place() {
    let here = tempfile::tempdir().expect("a folder");
    scene(here.path(), &json!({}));
    for (name, what, expected) in [
        (
            "policies/loose.json",
            json!({"Version": "2012-10-17", "Statement": []}),
            "nothing tells to what it is attached",
        ),
        (
            "policies/identity/bad.json",
            json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "Put", "Resource": "*"}]}),
            "Statement[0].Action",
        ),
        (
            "policies/identity/whom.json",
            json!({"Version": "2012-10-17", "Statement":
                [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}),
            "a `Principal`",
        ),
        (
            "policies/role.json",
            json!({"Role": {"RoleName": "orders", "Arn": "arn:aws:iam::111111111111:role/orders",
                "PermissionsBoundary": {"PermissionsBoundaryArn": "arn:aws:iam::111111111111:policy/edge"}}}),
            "policy/edge is attached",
        ),
        ("policies/list.json", json!([1]), "neither a policy nor"),
        (
            "request.json",
            json!({"principal": "me", "action": "s3:GetObject"}),
            "principal",
        ),
    ] {
        put(here.path(), name, &what);
        let (exit, out, err) = ask(here.path(), &[]);
        assert_eq!(exit, Exit::BadInput, "{name}: {out}");
        let flat = err.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(expected), "{name}: {err}");
        assert!(
            flat.contains("where: ") && flat.contains("to do: "),
            "{err}"
        );
        if name == "request.json" {
            break;
        }
        fs::remove_file(here.path().join(name)).expect("it was there");
    }
}

#[test]
fn cases_are_run_and_one_that_differs_is_told() {
    let shipped = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../connectors/tests/data/iam/named.json"
    );
    let (exit, out, _) = run(&["iam", "check", shipped]);
    assert_eq!(
        (exit, out.as_str()),
        (Exit::Done, "31 of 31 cases as expected\n")
    );

    let here = tempfile::tempdir().expect("a folder");
    let text = fs::read_to_string(shipped).expect("cases");
    let mut cases: Value = serde_json::from_str(&text).expect("JSON");
    cases[1]["expect"] = "Allowed".into();
    put(here.path(), "cases.json", &cases);
    let file = here.path().join("cases.json");
    let (exit, out, _) = run(&["iam", "check", file.to_str().expect("a path")]);
    assert_eq!(exit, Exit::No);
    assert_eq!(
        out,
        "no-policy-implicit-deny: expected Allowed, but the call is denied because no identity policy allows it\n\
         30 of 31 cases as expected\n"
    );
    cases[1]["expect"] = "Maybe".into();
    put(here.path(), "cases.json", &cases);
    let (exit, _, err) = run(&["iam", "check", file.to_str().expect("a path")]);
    assert_eq!(exit, Exit::BadInput);
    assert!(err.contains("Maybe"), "{err}");
}
