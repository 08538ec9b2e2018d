-- What work is planned by is read again only where it has changed.
alter table environment add column rules_version integer not null default 0;
