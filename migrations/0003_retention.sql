-- Lets every server know whether retention trusts the clock, and when the size budget removed spans.

-- When retention last trusted the clock of its server, by that clock; and why it removes nothing by age
-- since then, NULL if it does. prune_count grows in each transaction in which the size budget removes
-- spans: what a server remembers of the spans of traces is no longer right then.
ALTER TABLE retention_state
    ADD COLUMN checked_ns bigint,
    ADD COLUMN refusal text COLLATE "C",
    ADD COLUMN prune_count bigint NOT NULL DEFAULT 0;
