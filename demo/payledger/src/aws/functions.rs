//! The functions of one region: made, held against what was set up, brought back to it.

use std::collections::HashMap;

use aws_sdk_lambda::types::{Environment, FunctionCode, LastUpdateStatus, Runtime, State};
use aws_smithy_types::Blob;

use super::cloud::{Cloud, Place, failed, is, until};
use super::system::{CODE, FILE, Function, TIMEOUT};
use super::{roles, zip};
use crate::failure::Failure;

const GONE: &[&str] = &["ResourceNotFoundException"];
/// While a change of a function is under way, the next is refused.
const BUSY: &[&str] = &["ResourceConflictException", "TooManyRequestsException"];

/// How a function is set.
struct Set {
    handler: String,
    role: String,
    variables: HashMap<String, String>,
    concurrency: Option<i32>,
    ready: bool,
}

/// How it is to be set.
fn variables(cloud: &Cloud, wanted: &Function) -> HashMap<String, String> {
    let named = wanted.variables.iter();
    named
        .map(|(name, part)| ((*name).to_string(), cloud.named(part)))
        .collect()
}

async fn stands(place: &Place, name: &str) -> Result<Option<Set>, Failure> {
    let what = format!("{}: {name}", place.region);
    let lambda = &place.lambda;
    let asked = lambda.get_function_configuration().function_name(name);
    let now = match asked.send().await {
        Ok(now) => now,
        Err(error) if is(&error, GONE) => return Ok(None),
        Err(error) => return Err(failed(&what, &error)),
    };
    let limit = lambda
        .get_function_concurrency()
        .function_name(name)
        .send()
        .await
        .map_err(|error| failed(&what, &error))?;
    let state = now.state();
    let changing = matches!(now.last_update_status(), Some(LastUpdateStatus::InProgress));
    Ok(Some(Set {
        handler: now.handler().unwrap_or_default().to_string(),
        role: now.role().unwrap_or_default().to_string(),
        variables: now
            .environment()
            .and_then(|one| one.variables())
            .cloned()
            .unwrap_or_default(),
        concurrency: limit.reserved_concurrent_executions(),
        ready: !matches!(state, Some(State::Pending)) && !changing,
    }))
}

/// The function as it stands, once no change of it is under way.
async fn settled(place: &Place, name: &str) -> Result<Set, Failure> {
    let what = format!("{}: {name}", place.region);
    until(&what, async || match stands(place, name).await? {
        Some(set) => Ok(set.ready.then_some(set)),
        None => Err(Failure::new(format!("{what} is not there"))
            .advice("`payledger aws deploy` sets it up")),
    })
    .await
}

async fn role(cloud: &Cloud, part: &str) -> Result<String, Failure> {
    roles::arn(cloud, part).await?.ok_or_else(|| {
        Failure::new(format!("the role {} is not there", cloud.named(part)))
            .advice("`payledger aws deploy` sets it up")
    })
}

/// How a function differs from what was set up.
pub(super) async fn deviations(
    cloud: &Cloud,
    place: &Place,
    wanted: &Function,
) -> Result<Vec<String>, Failure> {
    let name = cloud.named(wanted.name);
    let at = format!("{}: {name}", place.region);
    let Some(set) = stands(place, &name).await? else {
        return Ok(vec![format!("{at} is not there")]);
    };
    let mut found = Vec::new();
    let role = cloud.named(wanted.role);
    if set.role.rsplit('/').next() != Some(&role) {
        found.push(format!("{at} acts under {}, not {role}", set.role));
    }
    if set.handler != wanted.handler {
        found.push(format!(
            "{at} begins at {}, not {}",
            set.handler, wanted.handler
        ));
    }
    let should = variables(cloud, wanted);
    let mut named: Vec<&String> = should.keys().chain(set.variables.keys()).collect();
    named.sort_unstable();
    named.dedup();
    for variable in named {
        match (should.get(variable), set.variables.get(variable)) {
            (Some(_), None) => found.push(format!("{at} has no {variable}")),
            (None, Some(_)) => found.push(format!("{at} has a variable {variable} more")),
            (one, other) if one != other => found.push(format!("{at}: {variable} is another")),
            _ => {}
        }
    }
    if let Some(copies) = set.concurrency {
        found.push(format!(
            "{at} may run in {copies} copies, where nothing is reserved"
        ));
    }
    Ok(found)
}

/// Makes a function, or gives it the present code.
pub(super) async fn set_up(cloud: &Cloud, place: &Place, wanted: &Function) -> Result<(), Failure> {
    let name = cloud.named(wanted.name);
    let what = format!("{}: {name}", place.region);
    let code = Blob::new(zip::of(FILE, CODE)?);
    if stands(place, &name).await?.is_some() {
        settled(place, &name).await?;
        // A version keeps the settings, too: one of broken ones would be no way back.
        let whole = deviations(cloud, place, wanted).await?.is_empty();
        let sent = place.lambda.update_function_code().function_name(&name);
        sent.zip_file(code)
            .publish(whole)
            .send()
            .await
            .map_err(|error| failed(&what, &error))?;
        return Ok(());
    }
    let role = role(cloud, wanted.role).await?;
    until(&what, async || {
        let made = place
            .lambda
            .create_function()
            .function_name(&name)
            .runtime(Runtime::Python312)
            .handler(wanted.handler)
            .role(&role)
            .timeout(TIMEOUT)
            .code(FunctionCode::builder().zip_file(code.clone()).build())
            // The audit trail hides what variables hold: a published version still tells what it was.
            .publish(true)
            .environment(
                Environment::builder()
                    .set_variables(Some(variables(cloud, wanted)))
                    .build(),
            )
            .tags("system", &cloud.name)
            .send()
            .await;
        match made {
            Ok(_) => Ok(Some(())),
            // Lambda cannot take a role before IAM has told everybody of it.
            Err(error)
                if is(&error, &["InvalidParameterValueException"])
                    && format!("{error:?}").contains("cannot be assumed") =>
            {
                Ok(None)
            }
            Err(error) => Err(failed(&what, &error)),
        }
    })
    .await
}

/// Brings a function back to what was set up; says what deviated.
pub(super) async fn restore(
    cloud: &Cloud,
    place: &Place,
    wanted: &Function,
) -> Result<Vec<String>, Failure> {
    let found = deviations(cloud, place, wanted).await?;
    if found.is_empty() {
        return Ok(found);
    }
    let name = cloud.named(wanted.name);
    let what = format!("{}: {name}", place.region);
    settled(place, &name).await?;
    let lambda = &place.lambda;
    let lifted = lambda.delete_function_concurrency().function_name(&name);
    lifted.send().await.map_err(|error| failed(&what, &error))?;
    let role = role(cloud, wanted.role).await?;
    configure(place, &name, async |_| {
        Some((
            wanted.handler.to_string(),
            role.clone(),
            variables(cloud, wanted),
        ))
    })
    .await?;
    let kept = place.lambda.publish_version().function_name(&name);
    kept.send().await.map_err(|error| failed(&what, &error))?;
    Ok(found)
}

/// Handler, role and variables.
type Setting = (String, String, HashMap<String, String>);

/// Sets a function as `to` says of how it stands, and names what differs alone; whoever says nothing wants nothing altered.
async fn configure(
    place: &Place,
    name: &str,
    to: impl AsyncFn(Setting) -> Option<Setting>,
) -> Result<(), Failure> {
    let what = format!("{}: {name}", place.region);
    until(&what, async || {
        let now = settled(place, name).await?;
        let setting = (now.handler, now.role, now.variables);
        let Some((handler, role, variables)) = to(setting.clone()).await else {
            return Ok(Some(()));
        };
        let altered = |differs: bool, text: String| differs.then_some(text);
        let other = handler != setting.0;
        let role = altered(role != setting.1, role);
        let environment = (variables != setting.2).then(|| {
            let all = Environment::builder().set_variables(Some(variables));
            all.build()
        });
        if !other && role.is_none() && environment.is_none() {
            return Ok(Some(()));
        }
        let sent = place
            .lambda
            .update_function_configuration()
            .function_name(name)
            // Lambda starts copies anew after any change; ministack's go on under the old role unless this is named.
            .handler(handler)
            .set_role(role)
            .set_environment(environment)
            .send()
            .await;
        match sent {
            Ok(_) => Ok(Some(())),
            Err(error) if is(&error, BUSY) => Ok(None),
            Err(error) => Err(failed(&what, &error)),
        }
    })
    .await?;
    settled(place, name).await.map(|_| ())
}

/// Takes a variable from a function.
pub(super) async fn take_variable(
    place: &Place,
    name: &str,
    variable: &str,
) -> Result<String, Failure> {
    configure(place, name, async |(handler, role, mut variables)| {
        variables.remove(variable);
        Some((handler, role, variables))
    })
    .await?;
    Ok(format!(
        "UpdateFunctionConfiguration: {name} has no {variable} any more"
    ))
}

/// Lets a function act under another role.
pub(super) async fn give_role(
    cloud: &Cloud,
    place: &Place,
    name: &str,
    part: &str,
) -> Result<String, Failure> {
    let other = role(cloud, part).await?;
    configure(place, name, async |(handler, _, variables)| {
        Some((handler, other.clone(), variables))
    })
    .await?;
    Ok(format!(
        "UpdateFunctionConfiguration: {name} acts under {other}"
    ))
}

/// Lets a function begin elsewhere in the code.
pub(super) async fn name_handler(
    place: &Place,
    name: &str,
    other: &str,
) -> Result<String, Failure> {
    configure(place, name, async |(_, role, variables)| {
        Some((other.to_string(), role, variables))
    })
    .await?;
    Ok(format!(
        "UpdateFunctionConfiguration: {name} begins at {other}"
    ))
}

/// Lets so many copies of a function run at once.
pub(super) async fn reserve(place: &Place, name: &str, copies: i32) -> Result<String, Failure> {
    let sent = place.lambda.put_function_concurrency().function_name(name);
    sent.reserved_concurrent_executions(copies)
        .send()
        .await
        .map_err(|error| failed(&format!("{}: {name}", place.region), &error))?;
    Ok(format!(
        "PutFunctionConcurrency: {name} may run in {copies} copies"
    ))
}

/// Takes a function away; says whether it was there.
pub(super) async fn destroy(place: &Place, name: &str) -> Result<Option<String>, Failure> {
    match place
        .lambda
        .delete_function()
        .function_name(name)
        .send()
        .await
    {
        Ok(_) => Ok(Some(format!("{}: function {name}", place.region))),
        Err(error) if is(&error, GONE) => Ok(None),
        Err(error) => Err(failed(&format!("{}: {name}", place.region), &error)),
    }
}
