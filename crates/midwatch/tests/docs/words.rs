//! As much of a shell as our pages use: words, quotes, comments, pipes.

/// One word of a line, or what parts two commands.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    /// `|`, `&`, `;`, or a redirection, whose target is no word of the command.
    Cut(char),
}

/// The words of a line, up to a comment; three blanks begin one as well, as tables of commands have it.
fn tokens(line: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut blanks = 0;
    for c in line.chars() {
        if let Some(open) = quote {
            if c == open {
                quote = None;
            } else if let Some(word) = &mut word {
                word.push(c);
            }
            continue;
        }
        blanks = if c == ' ' { blanks + 1 } else { 0 };
        if blanks == 3 || (c == '#' && word.is_none()) {
            break;
        }
        match c {
            '\'' | '"' => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            ' ' => found.extend(word.take().map(Token::Word)),
            '|' | '&' | ';' | '>' | '<' => {
                // The number of a stream that is redirected is no word.
                let stream = word.take().filter(|word| word.parse::<u8>().is_err());
                found.extend(stream.map(Token::Word));
                found.push(Token::Cut(c));
            }
            _ => word.get_or_insert_default().push(c),
        }
    }
    found.extend(word.map(Token::Word));
    found
}

/// Is it `NAME=value`, before a command?
fn assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
    })
}

/// The calls of the program in a line, each with its name first. A line that begins with anything else has none.
pub fn calls(line: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut parts: Vec<Vec<String>> = vec![Vec::new()];
    let mut redirected = false;
    for token in tokens(line) {
        match token {
            Token::Cut('>' | '<') => redirected = true,
            Token::Cut(_) => parts.push(Vec::new()),
            Token::Word(_) if redirected => redirected = false,
            Token::Word(word) => {
                if let Some(part) = parts.last_mut() {
                    part.push(word);
                }
            }
        }
    }
    for part in parts {
        let mut words = part.as_slice();
        while let [first, rest @ ..] = words
            && assignment(first)
        {
            words = rest;
        }
        if let [sudo, user, _, rest @ ..] = words
            && sudo == "sudo"
            && user == "-u"
        {
            words = rest;
        } else if let [sudo, rest @ ..] = words
            && sudo == "sudo"
        {
            words = rest;
        }
        if let [cargo, run, rest @ ..] = words
            && cargo == "cargo"
            && run == "run"
        {
            let Some(at) = rest.iter().position(|word| word == "--") else {
                continue;
            };
            words = &rest[at..];
        } else if !words
            .first()
            .is_some_and(|word| word == "midwatch" || word.ends_with("/midwatch"))
        {
            continue;
        }
        let rest = words.iter().skip(1).cloned();
        found.push(
            std::iter::once("midwatch".to_string())
                .chain(rest)
                .collect(),
        );
    }
    found
}

#[test]
fn words_as_a_shell_has_them() {
    let said = |line: &str| -> Vec<String> {
        calls(line)
            .into_iter()
            .map(|words| words.join("|"))
            .collect()
    };
    assert_eq!(
        said("midwatch ask 'what changed?' # or so"),
        ["midwatch|ask|what changed?"]
    );
    assert_eq!(said("midwatch man | man -l -"), ["midwatch|man"]);
    assert_eq!(
        said("midwatch config reference > midwatch.toml 2> x"),
        ["midwatch|config|reference"]
    );
    assert_eq!(said("RUST_LOG=info midwatch serve"), ["midwatch|serve"]);
    assert_eq!(
        said("sudo -u midwatch /usr/local/bin/midwatch doctor"),
        ["midwatch|doctor"]
    );
    assert_eq!(
        said("cargo run --release -- demo      # a system"),
        ["midwatch|demo"]
    );
    assert_eq!(
        said("midwatch bench x DIR    one set"),
        ["midwatch|bench|x|DIR"]
    );
    assert_eq!(said("cargo build && midwatch stats"), ["midwatch|stats"]);
    assert!(said("the midwatch of the night").is_empty());
}
