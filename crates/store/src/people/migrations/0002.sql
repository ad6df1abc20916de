-- People whom another party vouches for: whose account it is, by what that party calls them.

CREATE TABLE identity (
    issuer  TEXT NOT NULL,
    subject TEXT NOT NULL,
    person  TEXT NOT NULL UNIQUE,
    PRIMARY KEY (issuer, subject)
) STRICT;
