//! Policies and requests: the text is a case, a policy, a request, or what the command line prints.
#![no_main]

use connectors::aws::iam::gather::Gatherer;
use connectors::aws::iam::simulation::Simulation;
use connectors::aws::iam::{Named, Policy, Verdict, Written, explain};
use libfuzzer_sys::fuzz_target;

const EVERYTHING: &str =
    r#"{"Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}"#;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(policy) = Policy::parse(text) {
        // Written out, it may be longer than any document is.
        let again = policy.to_json().to_string();
        if again.len() <= connectors::aws::iam::LONGEST {
            assert_eq!(Policy::parse(&again).as_ref(), Ok(&policy));
        }
    }
    let request: Written = serde_json::from_str(
        r#"{"principal":"arn:aws:sts::111111111111:assumed-role/r/s","role":"arn:aws:iam::111111111111:role/r",
            "action":"s3:GetObject","resource":"arn:aws:s3:::b/k","context":{"aws:TagKeys":["a","b"]}}"#,
    )
    .expect("a constant");
    let request = request.read().expect("a constant");
    for path in ["account.json", "identity/p.json", "resource/p.json", "scp/root/p.json", "rcp/root/p.json"] {
        let mut gatherer = Gatherer::new(&request);
        if gatherer.add(path, text).is_ok()
            && let Ok((policies, _)) = gatherer.finish()
        {
            let _ = explain(&policies, &request);
        }
    }
    if let Ok(written) = serde_json::from_str::<Written>(text) {
        let _ = written.read();
    }
    if let Ok(simulation) = serde_json::from_str::<Simulation>(text)
        && let Ok((mut policies, request)) = simulation.read()
    {
        let before = explain(&policies, &request);
        let policy = Policy::parse(EVERYTHING).expect("a constant");
        policies.resource.push(Named { name: "everything".into(), policy });
        if before.is_ok()
            && let Ok(answer) = explain(&policies, &request)
            && !request.action.eq_ignore_ascii_case("sts:GetCallerIdentity")
        {
            assert_eq!(answer.verdict, Verdict::ExplicitlyDenied);
        }
    }
});
