//! A provider on loopback that answers as the specification says, and then in every way that it must not.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use model::people::{IdentityError, IdentityProvider as _, Ties};
use model::time::{Span, Timestamp};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaKeyPair,
};
use serde_json::{Value, json};

use super::{Issuer, Settings};
use crate::double::{Reply, Request, serve};

const NOW: Timestamp = Timestamp(1_800_000_000 * model::time::SECOND);

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A key pair of the provider.
enum Signer {
    Rsa(Box<RsaKeyPair>),
    Curve(Box<EcdsaKeyPair>),
}

impl Signer {
    fn rsa() -> Self {
        let pem = include_str!("../../tests/data/inlets/sns-key.pem");
        let der: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        let key = RsaKeyPair::from_pkcs8(&STANDARD.decode(der).unwrap()).unwrap();
        Self::Rsa(Box::new(key))
    }

    fn curve() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).unwrap();
        Self::Curve(Box::new(key))
    }

    fn public(&self, kid: &str) -> Value {
        match self {
            Self::Rsa(key) => {
                let parts = PublicKeyComponents::<Vec<u8>>::from(key.public());
                json!({"kty": "RSA", "kid": kid, "use": "sig", "n": encoded(&parts.n), "e": encoded(&parts.e)})
            }
            Self::Curve(key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                json!({"kty": "EC", "crv": "P-256", "kid": kid, "x": encoded(x), "y": encoded(y)})
            }
        }
    }

    fn sign(&self, alg: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(key) => {
                let padding: &dyn ring::signature::RsaEncoding = match alg {
                    "PS256" => &RSA_PSS_SHA256,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(padding, &random, message, &mut signature).unwrap();
                signature
            }
            Self::Curve(key) => key.sign(&random, message).unwrap().as_ref().to_vec(),
        }
    }

    fn token(&self, head: &Value, claims: &Value) -> String {
        let parts = [head, claims].map(|part| encoded(part.to_string().as_bytes()));
        let message = parts.join(".");
        let alg = head["alg"].as_str().unwrap_or_default();
        format!("{message}.{}", encoded(&self.sign(alg, message.as_bytes())))
    }
}

/// What the provider answers with, as a test sets it.
#[derive(Clone, Default)]
struct Answers {
    /// Put over the usual description.
    description: Value,
    keys: Value,
    token: Value,
    status: u16,
    /// What was asked of the token endpoint.
    asked: Vec<Request>,
    keys_asked: usize,
}

struct World {
    issuer: String,
    answers: Arc<Mutex<Answers>>,
}

impl World {
    fn new() -> Self {
        let answers = Arc::new(Mutex::new(Answers {
            status: 200,
            ..Answers::default()
        }));
        let own = Arc::clone(&answers);
        // The address is known only once it listens.
        let base = Arc::new(Mutex::new(String::new()));
        let known = Arc::clone(&base);
        let issuer = serve(move |request| {
            let (mut answers, base) = (own.lock().unwrap(), known.lock().unwrap().clone());
            match request.path.as_str() {
                "/.well-known/openid-configuration" => {
                    let mut usual = json!({
                        "issuer": base,
                        "authorization_endpoint": format!("{base}/auth"),
                        "token_endpoint": format!("{base}/token"),
                        "jwks_uri": format!("{base}/keys"),
                    });
                    for (name, value) in answers.description.as_object().into_iter().flatten() {
                        usual[name] = value.clone();
                    }
                    Reply::Json(200, usual)
                }
                "/keys" => {
                    answers.keys_asked += 1;
                    Reply::Json(200, answers.keys.clone())
                }
                "/token" => {
                    answers.asked.push(request.clone());
                    Reply::Json(answers.status, answers.token.clone())
                }
                "/away" => Reply::With(302, "location", format!("{base}/keys"), Value::Null),
                _ => Reply::Json(404, Value::Null),
            }
        });
        base.lock().unwrap().clone_from(&issuer);
        Self { issuer, answers }
    }

    fn set(&self, set: impl FnOnce(&mut Answers)) {
        set(&mut self.answers.lock().unwrap());
    }

    fn settings(&self) -> Settings {
        Settings {
            issuer: self.issuer.clone(),
            client: "mid watch".to_string(),
            secret: "s3cr=t:".to_string(),
            label: "Company".to_string(),
            scopes: vec!["groups".to_string()],
            groups: "groups".to_string(),
            hosts: Vec::new(),
        }
    }

    fn client(&self) -> Issuer {
        Issuer::new(self.settings()).unwrap()
    }

    fn claims(&self) -> Value {
        let now = NOW.seconds();
        json!({
            "iss": self.issuer, "aud": "mid watch", "sub": "u-1", "nonce": "n-1",
            "iat": now, "exp": now + 300,
            "preferred_username": "Anna", "groups": ["sre", "dev"],
        })
    }
}

fn ties() -> Ties {
    Ties {
        redirect: "https://midwatch.example/oidc".to_string(),
        state: "s-1".to_string(),
        nonce: "n-1".to_string(),
        // RFC 7636, appendix B.
        verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk".to_string(),
    }
}

fn unproven(outcome: Result<model::people::Identity, IdentityError>) -> String {
    match outcome {
        Err(IdentityError::Unproven(why)) => why,
        other => panic!("{other:?}"),
    }
}

fn unavailable<T: std::fmt::Debug>(outcome: Result<T, IdentityError>) -> String {
    match outcome {
        Err(IdentityError::Unavailable(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_code_becomes_an_identity_and_the_way_there_is_tied_to_it() {
    let (world, signer) = (World::new(), Signer::curve());
    let client = world.client();
    let address = client.address(&ties(), NOW).unwrap();
    let url = reqwest::Url::parse(&address).unwrap();
    let asked: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let said = |name: &str| {
        asked
            .iter()
            .find(|(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    };
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "mid watch"),
        ("redirect_uri", "https://midwatch.example/oidc"),
        ("scope", "openid groups"),
        ("state", "s-1"),
        ("nonce", "n-1"),
        // RFC 7636, appendix B.
        (
            "code_challenge",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        ),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(said(name), Some(value), "{address}");
    }
    world.set(|answers| {
        answers.keys = json!({"keys": [{"kty": "oct"}, 7, signer.public("k1")]});
        let token = signer.token(&json!({"alg": "ES256", "kid": "k1"}), &world.claims());
        answers.token = json!({"id_token": token, "access_token": "a", "token_type": "Bearer"});
    });
    let identity = client.redeem("c&1", &ties(), NOW).unwrap();
    assert_eq!(
        (identity.subject.as_str(), identity.name.as_str()),
        ("u-1", "Anna")
    );
    assert_eq!(identity.issuer, world.issuer);
    assert_eq!(identity.groups.iter().collect::<Vec<_>>(), ["dev", "sre"]);
    let asked = world.answers.lock().unwrap().asked.clone();
    let (proof, form) = (
        asked[0].header("authorization"),
        String::from_utf8(asked[0].body.clone()).unwrap(),
    );
    // Name and secret are written as in a form before they are joined (RFC 6749, 2.3.1).
    assert_eq!(
        proof,
        format!("Basic {}", STANDARD.encode("mid+watch:s3cr%3Dt%3A"))
    );
    assert_eq!(
        form,
        "grant_type=authorization_code&code=c%261&redirect_uri=https%3A%2F%2Fmidwatch.example%2Foidc&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    );
    // A provider that takes the secret in the form alone.
    let client = world.client();
    world.set(|answers| {
        answers.description =
            json!({"token_endpoint_auth_methods_supported": ["client_secret_post"]});
    });
    client.redeem("c", &ties(), NOW).unwrap();
    let asked = world.answers.lock().unwrap().asked.clone();
    let form = String::from_utf8(asked[1].body.clone()).unwrap();
    assert!(
        form.ends_with("&client_id=mid+watch&client_secret=s3cr%3Dt%3A"),
        "{form}"
    );
    assert_eq!(asked[1].header("authorization"), "");
}

#[test]
fn a_token_of_which_anything_does_not_hold_proves_nothing() {
    let (world, signer, rsa) = (World::new(), Signer::curve(), Signer::rsa());
    let public = rsa.public("k2");
    world.set(|answers| answers.keys = json!({"keys": [signer.public("k1"), public]}));
    let client = world.client();
    let redeem = |token: String| {
        world.set(|answers| answers.token = json!({"id_token": token}));
        client.redeem("c", &ties(), NOW)
    };
    let head = json!({"alg": "ES256", "kid": "k1"});
    let now = NOW.seconds();
    for (claim, value, wanted) in [
        ("iss", json!("https://evil.example"), "another issuer"),
        ("iss", Value::Null, "another issuer"),
        ("aud", json!("another"), "another client"),
        ("aud", json!([]), "another client"),
        ("aud", json!(["mid watch", "another"]), "another client"),
        ("azp", json!("another"), "another client"),
        ("exp", json!(now - 61), "it expired at"),
        ("exp", Value::Null, "until when it holds"),
        ("exp", json!("soon"), "until when it holds"),
        ("nbf", json!(now + 120), "a time to come"),
        ("iat", json!(now + 120), "a time to come"),
        ("nonce", json!("n-2"), "another sign-in"),
        ("nonce", Value::Null, "another sign-in"),
        ("sub", json!(""), "about whom"),
        ("sub", json!("x".repeat(256)), "about whom"),
    ] {
        let mut claims = world.claims();
        claims[claim] = value.clone();
        let why = unproven(redeem(signer.token(&head, &claims)));
        assert!(why.contains(wanted), "{claim} {value}: {why}");
    }
    // What is allowed: clocks that differ a little, several audiences of which we are the party, a slow clock.
    let mut claims = world.claims();
    claims["aud"] = json!(["another", "mid watch"]);
    claims["azp"] = json!("mid watch");
    claims["exp"] = json!(now - 59);
    claims["iat"] = json!(now as f64 + 59.5);
    redeem(signer.token(&head, &claims)).unwrap();
    for alg in ["RS256", "PS256"] {
        redeem(rsa.token(&json!({"alg": alg, "kid": "k2"}), &world.claims())).unwrap();
        // Without a name, any key of its kind may be meant.
        redeem(rsa.token(&json!({"alg": alg}), &world.claims())).unwrap();
    }

    let claims = world.claims();
    let whole = signer.token(&head, &claims);
    let (message, signature) = whole.rsplit_once('.').unwrap();
    let other = encoded(world.claims().to_string().replace("u-1", "u-2").as_bytes());
    let first = message.split('.').next().unwrap();
    let shared = hmac_with(&public.to_string(), &claims);
    for (token, wanted) in [
        (signer.token(&json!({"alg": "none"}), &claims), "\"none\""),
        (format!("{}.", unsigned(&claims)), "\"none\""),
        (unsigned(&claims), "\"none\""),
        (signer.token(&json!({"alg": "nOnE"}), &claims), "\"nOnE\""),
        // The public key taken for a shared secret.
        (shared, "\"HS256\""),
        (
            signer.token(
                &json!({"alg": "ES256", "kid": "k1", "crit": ["b64"]}),
                &claims,
            ),
            "extensions",
        ),
        (
            signer.token(&json!({"alg": "ES256", "kid": "k9"}), &claims),
            "does not publish",
        ),
        (
            signer.token(&json!({"alg": "ES256", "kid": "k2"}), &claims),
            "signature is wrong",
        ),
        (Signer::curve().token(&head, &claims), "signature is wrong"),
        (
            signer.token(&json!({"alg": "EdDSA", "kid": "k1"}), &claims),
            "signature is wrong",
        ),
        (format!("{first}.{other}.{signature}"), "signature is wrong"),
        (format!("{message}."), "signature is wrong"),
        (message.to_string(), "it has no claims"),
        (format!("{whole}="), "no base64url"),
        (String::new(), "its head"),
        ("...".to_string(), "its head"),
        ("a".repeat(300_000), "longer than"),
    ] {
        let why = unproven(redeem(token.clone()));
        assert!(why.contains(wanted), "{:.80}: {why}", token);
    }
}

fn unsigned(claims: &Value) -> String {
    let head = encoded(json!({"alg": "none"}).to_string().as_bytes());
    format!("{head}.{}", encoded(claims.to_string().as_bytes()))
}

fn hmac_with(secret: &str, claims: &Value) -> String {
    let head = encoded(json!({"alg": "HS256", "kid": "k2"}).to_string().as_bytes());
    let message = format!("{head}.{}", encoded(claims.to_string().as_bytes()));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
    let tag = ring::hmac::sign(&key, message.as_bytes());
    format!("{message}.{}", encoded(tag.as_ref()))
}

#[test]
fn keys_that_rotate_are_found_and_strange_tokens_do_not_flood_the_issuer() {
    let (world, old, new) = (World::new(), Signer::curve(), Signer::curve());
    let client = world.client();
    let redeem = |signer: &Signer, kid: &str, seconds: i64| {
        let at = NOW.plus(Span::seconds(seconds));
        let mut claims = world.claims();
        claims["exp"] = json!(at.seconds() + 60);
        let token = signer.token(&json!({"alg": "ES256", "kid": kid}), &claims);
        world.set(|answers| answers.token = json!({"id_token": token}));
        client.redeem("c", &ties(), at)
    };
    let asked = || world.answers.lock().unwrap().keys_asked;
    world.set(|answers| answers.keys = json!({"keys": [old.public("k1")]}));
    redeem(&old, "k1", 0).unwrap();
    redeem(&old, "k1", 30).unwrap();
    assert_eq!(asked(), 1);
    // A new key beside the old one: found at once, and asked for once.
    world.set(|answers| answers.keys = json!({"keys": [old.public("k1"), new.public("k2")]}));
    redeem(&new, "k2", 40).unwrap();
    redeem(&old, "k1", 41).unwrap();
    assert_eq!(asked(), 2);
    // Names that nobody knows.
    for second in 42..50 {
        unproven(redeem(&new, "k3", second));
    }
    assert_eq!(asked(), 2);
    // The old key is gone: what is still signed by it holds no longer than an hour.
    world.set(|answers| answers.keys = json!({"keys": [new.public("k2")]}));
    redeem(&old, "k1", 60).unwrap();
    let why = unproven(redeem(&old, "k1", 40 + 3_600));
    assert!(why.contains("does not publish"), "{why}");
    redeem(&new, "k2", 40 + 3_602).unwrap();
}

#[test]
fn no_document_leads_elsewhere() {
    for (issuer, wanted) in [
        ("http://idp.example", "not asked by https"),
        ("https://user:pass@idp.example", "a name, a password"),
        ("https://idp.example/?x=1", "has a query"),
        ("file:///etc/passwd", "names no host"),
        ("https://169.254.169.254", "own link"),
        ("idp.example", "is no address"),
        ("http://127.0.0.1.evil.example", "not asked by https"),
    ] {
        let settings = Settings {
            issuer: issuer.to_string(),
            ..World::new().settings()
        };
        let why = Issuer::new(settings).unwrap_err();
        assert!(why.contains(wanted), "{issuer}: {why}");
    }
    let world = World::new();
    let base = world.issuer.clone();
    for (name, address, wanted) in [
        (
            "token_endpoint",
            "http://169.254.169.254/latest/meta-data",
            "not asked by https",
        ),
        (
            "token_endpoint",
            "https://evil.example/token",
            "at another host than the issuer",
        ),
        (
            "jwks_uri",
            "http://127.0.0.1:1/keys",
            "at another host than the issuer",
        ),
        (
            "jwks_uri",
            "http://localhost/keys",
            "at another host than the issuer",
        ),
        ("jwks_uri", "file:///etc/passwd", "names no host"),
        (
            "authorization_endpoint",
            "javascript:alert(1)",
            "names no host",
        ),
        (
            "authorization_endpoint",
            "https://user@idp.example/",
            "a name, a password",
        ),
        ("issuer", "https://evil.example", "it calls itself"),
        ("issuer", &format!("{base}/"), "it calls itself"),
    ] {
        world.set(|answers| answers.description = json!({name: address}));
        let why = unavailable(world.client().address(&ties(), NOW));
        assert!(why.contains(wanted), "{name} {address}: {why}");
    }
    // A host that the configuration names may be asked, by TLS and at its usual port.
    let settings = Settings {
        hosts: vec!["keys.example".to_string()],
        ..world.settings()
    };
    let client = Issuer::new(settings).unwrap();
    for (address, allowed) in [
        ("https://keys.example/token", true),
        ("https://keys.example:444/token", false),
        ("https://more.keys.example/token", false),
    ] {
        world.set(|answers| answers.description = json!({"token_endpoint": address}));
        let fresh = Issuer::new(client.settings.clone()).unwrap();
        assert_eq!(fresh.address(&ties(), NOW).is_ok(), allowed, "{address}");
    }
    // Redirects are not followed.
    world.set(|answers| {
        answers.description = json!({"jwks_uri": format!("{base}/away")});
        let token = Signer::curve().token(&json!({"alg": "ES256"}), &json!({}));
        answers.token = json!({"id_token": token});
    });
    let why = unavailable(world.client().redeem("c", &ties(), NOW));
    assert!(why.contains("it answered 302"), "{why}");
    assert_eq!(world.answers.lock().unwrap().keys_asked, 0);
}

#[test]
fn a_provider_that_refuses_or_is_long_or_away_is_told_apart() {
    let world = World::new();
    world.set(|answers| {
        answers.status = 400;
        answers.token = json!({"error": "invalid_grant", "error_description": "used up"});
    });
    let why = unproven(world.client().redeem("c", &ties(), NOW));
    assert!(why.contains("used up"), "{why}");
    world.set(|answers| {
        answers.status = 401;
        answers.token = json!({"error": "invalid_client"});
    });
    let why = unavailable(world.client().redeem("c", &ties(), NOW));
    assert!(why.contains("invalid_client"), "{why}");
    world.set(|answers| answers.description = json!({"more": "x".repeat(600_000)}));
    let why = unavailable(world.client().address(&ties(), NOW));
    assert!(why.contains("longer than"), "{why}");
    let nobody = Settings {
        issuer: "http://127.0.0.1:1".to_string(),
        ..world.settings()
    };
    let why = unavailable(Issuer::new(nobody).unwrap().address(&ties(), NOW));
    assert!(why.contains("cannot be reached"), "{why}");
}

#[test]
fn groups_lie_where_the_provider_puts_them() {
    let (world, signer) = (World::new(), Signer::curve());
    world.set(|answers| answers.keys = json!({"keys": [signer.public("k1")]}));
    for (claim, more, wanted) in [
        (
            "realm_access.roles",
            json!({"realm_access": {"roles": ["a", 7, "b"]}}),
            vec!["a", "b"],
        ),
        (
            "https://x.example/groups",
            json!({"https://x.example/groups": ["c"]}),
            vec!["c"],
        ),
        (
            "email",
            json!({"email": "a@x.example", "email_verified": true}),
            vec!["a@x.example"],
        ),
        // Nobody proved that this address is theirs.
        ("email", json!({"email": "a@x.example"}), vec![]),
        (
            "email",
            json!({"email": "a@x.example", "email_verified": "yes"}),
            vec![],
        ),
        ("hd", json!({"hd": {"x": 1}}), vec![]),
        ("nowhere.at.all", json!({}), vec![]),
    ] {
        let mut claims = world.claims();
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let token = signer.token(&json!({"alg": "ES256", "kid": "k1"}), &claims);
        world.set(|answers| answers.token = json!({"id_token": token}));
        let settings = Settings {
            groups: claim.to_string(),
            ..world.settings()
        };
        let identity = Issuer::new(settings)
            .unwrap()
            .redeem("c", &ties(), NOW)
            .unwrap();
        assert_eq!(
            identity.groups.into_iter().collect::<Vec<_>>(),
            wanted,
            "{claim}"
        );
    }
}
