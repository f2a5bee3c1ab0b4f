-- Lets every server know whether retention trusts the clock.

-- When retention last trusted the clock of its server, by that clock; and why it removes nothing by age
-- since then, NULL if it does.
ALTER TABLE retention_state
    ADD COLUMN checked_ns bigint,
    ADD COLUMN refusal text COLLATE "C";
