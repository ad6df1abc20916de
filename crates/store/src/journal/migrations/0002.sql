-- What a notifier must know when it tells more of the same incident, such as the thread that it made; in its own words.
ALTER TABLE delivery ADD COLUMN receipt TEXT NOT NULL DEFAULT '';
